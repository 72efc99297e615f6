"""The errors of this package that have a message for people."""


class ModelError(ValueError):
    """Something the user can mend; the message says what is wrong, where, and how to mend it.

    The command line prints it without a traceback.
    """


class ProcessError(Exception):
    """One of a run's processes died or failed and took the run down; the message says which, how, and how to go on."""
