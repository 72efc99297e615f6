"""The error raised by shared code, which does not know which file or command the user gave."""

from entityclip.contract.visible_text import visible_lines


class ContractError(ValueError):
    """Error whose message lacks a location; `pipeline` and `model` add the location and raise their own error."""

    def __init__(self, message: object = "") -> None:
        super().__init__(visible_lines(str(message)))  # it repeats what files say, and ends up in terminals
