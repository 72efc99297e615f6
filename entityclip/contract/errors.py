"""The error raised by shared code, which does not know which file or command the user gave."""

from entityclip.contract.locations import without_secrets
from entityclip.contract.visible_text import visible_lines


class UserError(ValueError):
    """Base of the errors that users see.

    Messages repeat what data, files, models and servers say, in terminals and logs: secrets in URLs (passwords, keys,
    signatures) are masked, and control characters escaped.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(presentable(message))


def presentable(message: object) -> str:
    """Return a message of one or several lines without secrets and control characters."""
    return visible_lines(without_secrets(str(message)))


class ContractError(UserError):
    """Error whose message lacks a location; `pipeline` and `model` add the location and raise their own error."""
