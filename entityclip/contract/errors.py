"""The error raised by shared code, which does not know the file or command that the user gave."""


class ContractError(ValueError):
    """The second half of a message: `pipeline` and `model` prefix the location and raise their own error."""
