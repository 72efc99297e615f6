"""Generation that writes down what it asks for, slowly enough to be killed in the middle of it."""

import time
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from pipeline.engines.protocol import Completion, Request
from pipeline.job import open_job
from pipeline.output import single_writer
from tests.support.generation import generate
from tests.support.scripted_engine import ScriptedEngine


class LoggingEngine(ScriptedEngine):
    """Writes every key it is asked for to a file before it answers."""

    def __init__(self, log: Path, seconds: float) -> None:
        super().__init__()
        self._log = log
        self._seconds = seconds

    def complete(self, requests: Iterable[Request]) -> Iterator[Completion]:
        with self._log.open("a", encoding="utf-8") as log:
            for request in requests:
                print(request.key, file=log, flush=True)
                time.sleep(self._seconds)
                yield from super().complete([request])


def generate_in_a_process(manifest: Path, asked: Path, seconds: float, news: Connection) -> None:
    """Target of a process: tells `news` when planning begins and when all is done."""
    job = open_job(manifest)
    assert job.model.tokenizer  # loaded before the clock starts: not a moment worth being killed in
    with single_writer(job.work):
        news.send("begun")
        generate(job, LoggingEngine(asked, seconds))
    news.send("done")
