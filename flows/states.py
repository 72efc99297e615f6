"""Final states that say something."""

from typing import TypeVar, cast

from prefect.states import Completed

R = TypeVar("R")


def completed(result: R, message: str) -> R:
    """What a flow returns so that its final state carries a message; whoever called the flow gets the result."""
    return cast(R, Completed(message=message, data=result))
