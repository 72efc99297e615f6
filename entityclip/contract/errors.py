"""The error raised by shared code, which does not know which file or command the user gave."""

from entityclip.contract.locations import without_secrets


class UserError(ValueError):
    """Base of the errors that users see; secrets in URLs (passwords, keys, signatures) are masked in the message."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(without_secrets(arg) if isinstance(arg, str) else arg for arg in args))


class ContractError(UserError):
    """Error whose message lacks a location; `pipeline` and `model` add the location and raise their own error."""
