"""The exception for mistakes that a user can fix; the command line prints it without a traceback."""


class PipelineError(ValueError):
    """A mistake that the user can fix. The message says what is wrong, where, and how to fix it."""
