"""Errors whose messages are shown to users."""

from entityclip.contract.errors import UserError, presentable


class ModelError(UserError):
    """An error that the user can fix; the message says what is wrong, where, and how to fix it.

    The command line prints it without a traceback.
    """


class ProcessError(Exception):
    """The run ended because a process died or failed. The message says which process, why, and how to continue."""

    def __init__(self, message: object = "") -> None:
        super().__init__(presentable(message))
