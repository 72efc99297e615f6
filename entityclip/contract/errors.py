"""The error of what both halves know; it names neither the file nor the command, as only the caller knows them."""


class ContractError(ValueError):
    """What is wrong, as the end of a message: each half puts the place before it and makes it an error of its own."""
