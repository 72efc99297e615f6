"""The exception for mistakes that a user can fix; the command line prints it without a traceback."""


class PipelineError(ValueError):
    """A user's input is wrong. The message says what, where, and how to fix it."""
