"""Stands for a RowLoader where only the workers matter; imports nothing that takes seconds."""

import multiprocessing
import os
import signal

from model import loading
from model.errors import ModelError


class Doubler:
    """Numbers below zero are trouble."""

    def __getitem__(self, number: int) -> int:
        if number == -1:
            raise ModelError("no such number")
        if number == -2:
            os.kill(os.getpid(), signal.SIGKILL)
        return 2 * number


def begin_small_server() -> None:
    """For a program that loads nothing real: its workers' server imports no more than torch."""
    loading.begin_server = lambda: multiprocessing.set_forkserver_preload(["torch.utils.data"])
