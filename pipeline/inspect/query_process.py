"""Runs SQL in a separate process, which can be stopped and has a memory limit; DuckDB alone guarantees neither.

For example, `len(range(200000000))` takes 14 GB, and DuckDB evaluates it regardless of interrupts and its memory limit.
`QueryProcess` is the client; the server is this file run as a program. They exchange lines of JSON: the first line on
the server's stdin says where the shards are, and each later line is a question, which the server answers with a line
on stdout. The server exits when stdin closes, which also happens if its parent is killed.
"""

import json
import os
import queue
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from multiprocessing.connection import wait
from typing import IO, Any

import pyarrow as pa

from pipeline.errors import PipelineError
from pipeline.inspect.database import PICKED, SHARD, Database, Shards
from pipeline.inspect.find import Found, find_shards
from pipeline.inspect.selections import Selections, Wish

SECONDS = 20.0
_DUCKDB_MIB = 512
_PROCESS_BYTES = 2 << 30  # limit on writable memory, for DuckDB, Arrow's read-ahead and the interpreter
_NO_MEMORY = "Out of Memory"  # in DuckDB's messages
_TICK = 0.05


class Stopped(PipelineError):  # noqa: N818
    """The query took too long, or its caller stopped waiting."""


class QueryProcess(AbstractContextManager["QueryProcess"]):
    """Thread-safe client that asks one question at a time. Starts the process on demand, and again if it has ended."""

    def __init__(self, found: Found, names: list[str]) -> None:
        self._spill = tempfile.TemporaryDirectory(prefix="entityclip-query-")
        self._first_line = {"location": found.location, "names": names, "spill": self._spill.name}
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def __exit__(self, *exc: object) -> None:
        self._end()
        self._spill.cleanup()

    def counts(self, where: str, abandoned: Callable[[], bool] = lambda: False) -> dict[str, dict[str, int]]:
        """Count the rows that meet a condition, by split and status. Raises the same errors as `page`."""
        counts: dict[str, dict[str, int]] = {}
        for split, status, rows in self._ask({"ask": "counts", "wish": {"where": where}}, abandoned):
            counts.setdefault(split, {})[status] = rows
        return counts

    def page(self, wish: Wish, offset: int, limit: int, abandoned: Callable[[], bool] = lambda: False) -> pa.Table:
        """Return a table with shard, split and id of `limit` rows, starting at row `offset` of the selection.

        Raises:
            PipelineError: the condition is invalid.
            Stopped: the query took longer than `SECONDS`, or `abandoned` returned True.
        """
        question = {"ask": "page", "wish": asdict(wish), "offset": offset, "limit": limit}
        return _picked(self._ask(question, abandoned))

    def find(self, row_id: str, limit: int, abandoned: Callable[[], bool] = lambda: False) -> pa.Table:
        """Find rows whose id starts with `row_id`, exact matches first. Returns and raises the same as `page`."""
        sql = f"SELECT {SHARD}, split, id FROM rows WHERE starts_with(id, ?) ORDER BY id <> ?, id, split LIMIT ?"
        return _picked(self._ask({"ask": "sql", "sql": sql, "parameters": [row_id, row_id, limit]}, abandoned))

    def of_ids(self, ids: list[str], split: str, abandoned: Callable[[], bool] = lambda: False) -> pa.Table:
        """Return shard, split and id of the rows in `split` with these ids. Raises the same errors as `page`."""
        sql = f"SELECT {SHARD}, split, id FROM rows WHERE split = ? AND id IN (SELECT unnest(?::VARCHAR[]))"
        return _picked(self._ask({"ask": "sql", "sql": sql, "parameters": [split, ids]}, abandoned))

    def _ask(self, question: dict[str, Any], abandoned: Callable[[], bool]) -> Any:
        deadline = time.monotonic() + SECONDS
        while not self._lock.acquire(timeout=_TICK):
            _check(deadline, abandoned)
        try:
            line = self._exchange(question, lambda: _check(deadline, abandoned))
            if not line:
                code = self._end()
                raise PipelineError(f"the query process ended with exit code {code}; perhaps it ran out of memory")
            answer = json.loads(line)
            if "problem" in answer:
                if _NO_MEMORY in answer["problem"]:  # DuckDB may not release the memory
                    self._end()
                raise PipelineError(answer["problem"])
            return answer["found"]
        finally:
            self._lock.release()

    def _exchange(self, question: dict[str, Any], check: Callable[[], None]) -> bytes:
        """Send a question and return the line with the answer; b"" if the process has ended."""
        try:
            stdin, stdout = self._pipes()
            _write(stdin, question)
            while not wait([stdout.fileno()], _TICK):
                check()
            return stdout.readline()
        except Stopped:  # DuckDB cannot always be interrupted
            self._end()
            raise
        except BrokenPipeError:
            return b""

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process is None:
            command = [sys.executable, "-P", "-m", __name__]  # -P: ignore any `pipeline` in the working directory
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert self._process.stdin is not None
            _write(self._process.stdin, self._first_line)
        assert self._process.stdin is not None and self._process.stdout is not None
        return self._process.stdin, self._process.stdout

    def _end(self) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        process.kill()
        process.communicate()
        return process.returncode


def _check(deadline: float, abandoned: Callable[[], bool]) -> None:
    if abandoned():
        raise Stopped("the query was abandoned")
    if time.monotonic() > deadline:
        raise Stopped(f"the query was stopped because it took more than {SECONDS:.0f} s")


def _picked(found: list[list[str]]) -> pa.Table:
    return pa.table(list(zip(*found, strict=True)) or [(), (), ()], schema=PICKED)


def _write(stream: IO[bytes], content: Any) -> None:
    stream.write((json.dumps(content) + "\n").encode())
    stream.flush()


def _answer(database: Database, selections: Selections, question: dict[str, Any]) -> Any:
    if question["ask"] == "sql":
        found = database.query(question["sql"], question["parameters"])
    else:
        wish = Wish(**question["wish"])
        if wish.where and (problem := database.condition_problem(wish.where)):
            raise PipelineError(problem)
        if question["ask"] == "counts":
            found = selections.counts(wish.where)
        else:
            found = selections.page(wish, question["offset"], question["limit"])
    return list(zip(*(column.to_pylist() for column in found.columns), strict=True))


def _serve(stdin: IO[bytes], stdout: IO[bytes]) -> None:
    first = json.loads(stdin.readline())
    found = find_shards(first["location"])
    assert found is not None, "was found"
    with Database({"rows": Shards(found, tuple(first["names"]))}, _DUCKDB_MIB, first["spill"]) as database:
        selections = Selections(database)
        waiting: queue.Queue[dict[str, Any]] = queue.Queue()

        def listen() -> None:
            for line in stdin:
                waiting.put(json.loads(line))
            shutil.rmtree(first["spill"], ignore_errors=True)
            os._exit(0)  # even if a query is running

        threading.Thread(target=listen, daemon=True).start()
        while True:
            question = waiting.get()
            try:
                answer = {"found": _answer(database, selections, question)}
            except PipelineError as error:
                answer = {"problem": str(error)}
            except MemoryError:
                answer = {"problem": f"{_NO_MEMORY}: the query exceeded its memory limit"}
            _write(stdout, answer)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the parent; stdin closes when it exits
    resource.setrlimit(resource.RLIMIT_DATA, (_PROCESS_BYTES, _PROCESS_BYTES))
    pa.set_cpu_count(2)
    _serve(sys.stdin.buffer, sys.stdout.buffer)
