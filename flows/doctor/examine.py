"""Runs all checks of `entityclip doctor`, starting with the fast ones."""

from collections.abc import Callable, Iterator

from flows.doctor import machine, software
from flows.doctor.fact import Fact
from flows.doctor.torch_facts import torch_facts

_QUICK: tuple[Callable[[], Fact], ...] = (
    *(software.python, software.entityclip, software.packages),
    *(machine.memory, machine.cores, machine.shared_memory, machine.open_files, machine.disk, machine.hf_home),
    *(software.hub, software.vllm),
)


def examine(announce: Callable[[str], None]) -> Iterator[Fact]:
    """Yield each fact as soon as it is found, and call `announce` with a text before each slow step."""
    for look in _QUICK:
        yield look()
    yield software.prefect(announce)
    announce("loading torch")
    yield from torch_facts()
