"""Killed at any moment, a re-run ends where an uninterrupted run would, and asks again only for what was in flight."""

import json
import multiprocessing
import random
import resource
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from pipeline.engines.base import Completion, Request
from pipeline.generation.spool import Spool, mended_spool, read_spool
from pipeline.job import Job, open_job
from pipeline.shards.writer_lock import sole_writer
from tests.support.dataset import write_manifest, write_pairs
from tests.support.generation import all_rows, find_shards, generate
from tests.support.killable_generation import Moment, generate_in_a_process, generate_until
from tests.support.scripted_engine import ScriptedEngine

KILLS = 25
FORKS = multiprocessing.get_context("forkserver")  # what takes seconds to import is imported once
FORKS.set_forkserver_preload(["tests.support.killable_generation", "transformers", "torch"])


def _start(manifest: Path, asked: Path, seconds: float) -> tuple[BaseProcess, Connection]:
    news, theirs = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=generate_in_a_process, args=(manifest, asked, seconds, theirs))
    process.start()
    assert news.recv() == "begun"  # the lock is held: planning, generating and committing follow
    return process, news


@pytest.mark.slow
def test_killed_at_seeded_moments(tmp_path: Path, tiny_llama: Path) -> None:
    write_pairs(tmp_path, 240)
    undisturbed = open_job(write_manifest(tmp_path, tiny_llama, output="undisturbed", num_shards=8))
    generate(undisturbed, ScriptedEngine())
    manifest = write_manifest(tmp_path, tiny_llama, num_shards=8)
    output, asked = tmp_path / "explanations", tmp_path / "asked.log"
    rng = random.Random(0)
    moments: Counter[str] = Counter()
    kills = 0
    while sum(moments.values()) < KILLS:
        process, news = _start(manifest, asked, 0.002)
        if kills == 0:
            time.sleep(rng.uniform(0, 0.1))  # planning begins anew until it is through, so not again
        else:
            _wait_for_requests(process, asked, rng.randint(1, 80))
        process.kill()
        process.join()
        if _is_done(news):  # begin anew
            shutil.rmtree(output)
            asked.unlink()
            kills = 0
        else:
            kills += 1
            moments[_moment(output)] += 1
    assert moments["spooling"] >= 5 and len(moments) >= 2, moments
    process, news = _start(manifest, asked, 0)
    process.join()
    assert _is_done(news)

    rows = all_rows(output)
    assert rows == all_rows(tmp_path / "undisturbed")
    times = Counter(asked.read_text().split())
    assert set(times) == {row.key for row in rows.values()}
    assert sum(times.values()) - len(times) <= kills  # this engine has one request in flight
    assert not list((output / "_spool").iterdir())


@pytest.mark.slow
def test_killed_at_each_kind_of_moment(tmp_path: Path, tiny_llama: Path) -> None:
    write_pairs(tmp_path, 60)
    undisturbed = open_job(write_manifest(tmp_path, tiny_llama, output="undisturbed", num_shards=4))
    generate(undisturbed, ScriptedEngine())
    expected = all_rows(tmp_path / "undisturbed")
    manifest = write_manifest(tmp_path, tiny_llama, num_shards=4)
    output = tmp_path / "explanations"
    for moment in Moment:
        for number in (1, 2, 4):
            asked = tmp_path / f"{moment.name}-{number}.log"
            process = FORKS.Process(target=generate_until, args=(manifest, asked, moment, number))
            process.start()
            process.join()
            assert process.exitcode == -signal.SIGKILL, (moment, number)
            before = asked.read_text().split() if asked.exists() else []
            rest = ScriptedEngine()
            job = open_job(manifest)
            with sole_writer(job.output, job.work):  # as every command does: it removes what killed writers left
                generate(job, rest)
            times = Counter([*before, *rest.asked])
            in_flight = moment is Moment.MID_SPOOL and number > 1  # the first line is the session's
            assert sorted(times.values()) == [1] * (len(times) - in_flight) + [2] * in_flight, (moment, number)
            assert all_rows(output) == expected, (moment, number)
            assert not list((output / "_spool").iterdir())
            assert not list(output.rglob("*.tmp"))  # what was written under a temporary name is gone
            shutil.rmtree(output)


def _wait_for_requests(process: BaseProcess, asked: Path, more: int) -> None:
    """Until it has asked for this many, or has ended."""

    def lines() -> int:
        return asked.read_bytes().count(b"\n") if asked.exists() else 0

    goal = lines() + more
    while lines() < goal and process.is_alive():
        time.sleep(0.001)


def _is_done(news: Connection) -> bool:
    try:
        return bool(news.recv() == "done")
    except EOFError:  # killed before it could say so
        return False


def _moment(output: Path) -> str:
    """What the killed process was doing, by what it left."""
    if any((output / "_spool").glob("*")):
        return "spooling"
    if not (output / "_plan").is_dir() or (output / "_plan.tmp").is_dir():
        return "planning"
    return "between shards" if find_shards(output) else "before the first answer"


@pytest.fixture
def job(tmp_path: Path, tiny_llama: Path) -> Job:
    write_pairs(tmp_path, 30)
    return open_job(write_manifest(tmp_path, tiny_llama))


@pytest.mark.parametrize("tail", [b'{"key": "torn', b"\xff\xfe", b'{"key": "whole but no line end"}'])
def test_a_torn_spool_tail_is_cut_off(job: Job, tail: bytes) -> None:
    path = job.spool_path(0)
    with Spool(path, {"engine": "first"}) as spool:
        spool.append(Completion("a", "text with \n a line end", "stop", 3, 2))
    with path.open("ab") as file:
        file.write(tail)
    assert [c.key for s in read_spool(path) for c in s.completions] == ["a"]
    with Spool(path, {"engine": "second"}) as spool:
        spool.append(Completion("b", error="HTTP 400"))
    sessions = read_spool(path)
    assert [(s.about["engine"], [c.key for c in s.completions]) for s in sessions] == [
        ("first", ["a"]),
        ("second", ["b"]),
    ]
    assert sessions[0].completions[0].text == "text with \n a line end"


@pytest.mark.parametrize("lost", ["text", "key", "error", "completion_tokens"])
def test_an_answer_that_has_lost_a_field_is_no_answer(job: Job, lost: str) -> None:
    path = job.spool_path(0)
    with Spool(path, {"engine": "first"}) as spool:
        spool.append(Completion("a", "a text", "stop", 3, 2))
        spool.append(Completion("b", "another text", "stop", 3, 2))
    about, first, second = path.read_text().splitlines()
    without = {name: value for name, value in json.loads(first).items() if name != lost}
    path.write_text("\n".join([about, json.dumps(without), second, ""]))
    said: list[str] = []
    assert [c.key for s in mended_spool(path, said.append) for c in s.completions] == ["b"]
    assert "1 lines are damaged" in said[0]


def test_an_answer_has_either_a_text_or_an_error(job: Job) -> None:
    with Spool(job.spool_path(0), {"engine": "first"}) as spool:
        spool.append(Completion("a", None, "stop", 3, 2))
        spool.append(Completion("a", "a text", "stop", 3, 2, "an error"))
        spool.append(Completion("b", error="HTTP 400"))
    assert [c.key for s in read_spool(job.spool_path(0)) for c in s.completions] == ["b"]


class _LongWinded(ScriptedEngine):
    def complete(self, requests: Iterable[Request]) -> Iterator[Completion]:
        for completion in super().complete(requests):
            yield replace(completion, text=f"about {completion.key} " + "and so on " * 100)


def test_a_full_disk_stops_the_run_and_loses_nothing(job: Job) -> None:
    """A limit on the size of a file stands for the disk: the spool meets it, torn in the middle of a line."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    first, rest = _LongWinded(), _LongWinded()
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            generate(job, first)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    generate(job, rest)
    assert len(all_rows(job.output)) == 30
    assert len(first.asked) > 3
    assert len(set(rest.asked) & set(first.asked)) == 1  # the answer that did not fit
