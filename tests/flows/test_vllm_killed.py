"""A real vLLM server whose processes are killed in the middle of a run: all rows arrive, once, and none stays."""

import signal
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import yaml

from flows.demo import MANIFEST
from pipeline.engines.base import Completion, Engine, Request
from pipeline.engines.factory import engine_for
from pipeline.job import Job, open_job
from tests.support.generation import all_rows, find_shards, generate, read_provenance

pytestmark = [pytest.mark.slow, pytest.mark.vllm]
ROWS = 400


class _KeptOpen:
    """One engine for several runs: a run does not close it. Counts what it answers."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.name, self.version = engine.name, engine.version
        self.answered: list[str] = []

    @property
    def restarts(self) -> int:
        return self.engine.restarts

    def __enter__(self) -> "_KeptOpen":
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def complete(self, requests: Iterable[Request]) -> Iterator[Completion]:
        for completion in self.engine.complete(requests):
            self.answered.append(completion.key)
            yield completion


@dataclass
class _Runs:
    """What the tests share: an open engine, the texts of a run that nobody disturbed, and a folder."""

    engine: _KeptOpen
    undisturbed: dict[str, str | None]
    folder: Path


def _job(folder: Path, output: str) -> Job:
    manifest = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    manifest["dataset"]["root"] = str(folder / "world")
    manifest["generation"] |= {
        "model": str(MANIFEST.parent / "heraldry" / "llama"),
        "engine": {"kind": "vllm", "prompts_per_request": 4, "concurrency": 24, "max_restarts": 3},
    }
    manifest["generation"].pop("judge", None)  # its tokenizer is named relative to the demo's manifest
    manifest |= {"output": str(folder / output), "num_shards": 2}
    path = folder / f"{output}.yaml"
    path.write_text(yaml.safe_dump(manifest))
    return open_job(path)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Runs]:
    folder = tmp_path_factory.mktemp("runs")
    job = _job(folder, "undisturbed")
    with engine_for(job) as engine:
        kept_open = _KeptOpen(engine)
        generate(job, kept_open, limit=ROWS)
        yield _Runs(kept_open, {i: row.raw_text for i, row in all_rows(job.output).items()}, folder)
        last = _family()
    assert len(last) >= 3
    _assert_gone(last.values())


def _family() -> dict[str, psutil.Process]:
    """The processes of our server by what they are, the guard included."""
    (guard,) = [child for child in psutil.Process().children() if "guard.py" in " ".join(child.cmdline())]
    (api,) = guard.children()
    found = {"guard": guard, "API server": api}
    for process in api.children(recursive=True):
        title = " ".join(process.cmdline()) or process.name()
        kind = next((k for k in ("EngineCore", "Worker") if k in title), title)
        found[kind] = process
    return found


def _assert_gone(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        try:
            assert process.status() == psutil.STATUS_ZOMBIE, process
        except psutil.NoSuchProcess:
            continue


@pytest.mark.parametrize("victim", ["API server", "EngineCore", "Worker"])
def test_a_killed_process_costs_no_row(victim: str, runs: _Runs, capfd: pytest.CaptureFixture[str]) -> None:
    job = _job(runs.folder, victim.replace(" ", "-").lower())
    before, family = runs.engine.restarts, _family()
    runs.engine.answered.clear()
    done = threading.Event()

    def kill_in_the_middle() -> int:
        while len(runs.engine.answered) < ROWS // 8 and not done.is_set():
            time.sleep(0.002)
        family[victim].send_signal(signal.SIGKILL)
        return len(runs.engine.answered)

    with ThreadPoolExecutor(1) as killer:
        killed = killer.submit(kill_in_the_middle)
        try:
            generate(job, runs.engine, limit=ROWS)
        finally:
            done.set()
        answered_before = killed.result()
    assert 0 < answered_before < ROWS // 2
    rows = all_rows(job.output)
    assert {i: row.raw_text for i, row in rows.items()} == runs.undisturbed and len(rows) == ROWS
    assert all(row.raw_text and row.error is None for row in rows.values())
    assert len(set(runs.engine.answered)) == len(runs.engine.answered)  # none twice
    assert runs.engine.restarts == before + 1
    _assert_gone(family.values())
    message = f"the vLLM server died (its main process exited); restart {before + 1} of at most 3"
    assert message in capfd.readouterr().err
    generations = [g for path in find_shards(job.output) for g in read_provenance(path)["generations"]]
    assert {g["server_restarts"] for g in generations} == {before + 1}
