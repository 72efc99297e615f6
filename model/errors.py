"""The one error of this package that the user can mend."""


class ModelError(ValueError):
    """Something the user can mend; the message says what is wrong, where, and how to mend it.

    The command line prints it without a traceback.
    """
