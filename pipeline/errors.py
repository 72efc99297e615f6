"""The one error a user can cause and mend; the command line prints it without a traceback."""


class PipelineError(ValueError):
    """Something in the user's hands is wrong. The message says what, where, and how to mend it."""
