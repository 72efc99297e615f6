"""Stands for a TripleDataset where only the workers matter; imports nothing that takes seconds."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterable, Iterator

from torch.utils.data import Dataset

from model.data import loader
from model.errors import ModelError


class Doubler(Dataset[int]):
    """Numbers below zero are trouble."""

    def __getitem__(self, number: int) -> int:
        if number == -1:
            raise ModelError("no such number")
        if number == -2:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == -3:
            time.sleep(3600)
        return 2 * number

    def __getitems__(self, numbers: list[int]) -> int:
        return sum(map(self.__getitem__, numbers))


def doubled(numbers: Iterable[int], workers: int, ahead: int = 4) -> Iterator[int]:
    """Chunks of one number each."""
    return loader.load_chunks(Doubler(), ([number] for number in numbers), workers=workers, ahead=ahead)


def begin_small_server() -> None:
    """For a program that loads nothing real: its workers' server imports no more than torch."""
    loader.start_fork_server = lambda: multiprocessing.set_forkserver_preload(["torch.utils.data"])
