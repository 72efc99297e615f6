"""Generation that writes down what it asks for, slowly enough to be killed in the middle of it."""

import json
import os
import signal
import time
from collections.abc import Iterable, Iterator
from enum import StrEnum
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest import mock

import pipeline.generation.bucket as generate_module
from pipeline.engines.base import Completion, Request
from pipeline.generation.spool import Spool
from pipeline.job import open_job
from pipeline.plan import plan
from pipeline.shards.writer_lock import sole_writer
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


class Moment(StrEnum):
    """Where a process ends itself, as SIGKILL would end it there."""

    PLANNING = "while the plan is written"
    MID_SPOOL = "in the middle of a spool's line"
    BEFORE_RENAME = "a shard is written, not yet renamed"
    AFTER_RENAME = "a shard is renamed, others of its bucket are not"
    BEFORE_RECEIPT = "all shards of a bucket are there, its receipt is not"
    AFTER_RECEIPT = "the receipt is there, and the spool still"


def generate_until(manifest: Path, asked: Path, moment: Moment, number: int) -> None:
    """Target of a process: generates, and dies the `number`-th time that the moment comes (from 1 on)."""
    seen = 0

    def comes() -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def dying(where: Any, name: str, *, before: bool) -> Any:
        original = getattr(where, name)

        def replacement(*arguments: Any, **options: Any) -> Any:
            if before:
                comes()
            result = original(*arguments, **options)
            if not before:
                comes()
            return result

        return mock.patch.object(where, name, replacement)

    def torn_write(self: Spool, line: dict[str, Any]) -> None:
        content = json.dumps(line).encode() + b"\n"
        self._file.write(content[: len(content) // 2])
        self._file.flush()
        comes()
        self._file.write(content[len(content) // 2 :])
        self._file.flush()

    patches = {
        Moment.PLANNING: dying(plan.pq, "write_table", before=True),
        Moment.MID_SPOOL: mock.patch.object(Spool, "_write", torn_write),
        Moment.BEFORE_RENAME: dying(Path, "replace", before=True),
        Moment.AFTER_RENAME: dying(Path, "replace", before=False),
        Moment.BEFORE_RECEIPT: dying(generate_module, "write_receipt", before=True),
        Moment.AFTER_RECEIPT: dying(generate_module, "write_receipt", before=False),
    }
    job = open_job(manifest)
    with patches[moment], sole_writer(job.output, job.work):
        generate(job, LoggingEngine(asked, 0))


def generate_in_a_process(manifest: Path, asked: Path, seconds: float, news: Connection) -> None:
    """Target of a process: tells `news` when planning begins and when all is done."""
    job = open_job(manifest)
    assert job.model.tokenizer  # loaded before the clock starts: not a moment worth being killed in
    with sole_writer(job.output, job.work):
        news.send("begun")
        generate(job, LoggingEngine(asked, seconds))
    news.send("done")
