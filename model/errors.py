"""Errors whose messages are shown to users."""


class ModelError(ValueError):
    """An error that the user can fix; the message says what is wrong, where, and how to fix it.

    The command line prints it without a traceback.
    """


class ProcessError(Exception):
    """One of a run's processes died or failed, ending the run; the message says which, how, and how to continue."""
