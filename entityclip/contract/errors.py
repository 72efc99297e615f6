"""The error raised by shared code, which does not know which file or command the user gave."""


class ContractError(ValueError):
    """Error without a location in its message; `pipeline` and `model` prefix one and raise their own error."""
