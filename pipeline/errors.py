"""The exception for mistakes that a user can fix; the command line prints it without a traceback."""

from entityclip.contract.errors import UserError


class PipelineError(UserError):
    """A mistake that the user can fix. The message says what is wrong, where, and how to fix it."""
