"""The exception for mistakes that a user can fix; the command line prints it without a traceback."""

from entityclip.contract.visible_text import visible_lines


class PipelineError(ValueError):
    """A mistake that the user can fix. The message says what is wrong, where, and how to fix it.

    Control characters are escaped, as messages repeat what data, files and models say, in terminals and logs.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(visible_lines(str(message)))
