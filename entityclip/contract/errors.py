"""The error raised by shared code, which does not know which file or command the user gave."""


class ContractError(ValueError):
    """Error whose message lacks a location; `pipeline` and `model` add the location and raise their own error."""
