"""Workers as users run them: a range whose worker is killed, a run that is cancelled. Real server, real processes."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from model.data.shards import read_split
from pipeline.generation.spool import read_spool
from pipeline.job import open_job
from pipeline.pair import Pair
from pipeline.shards.shard import Row
from tests.support.fake_vllm import text_for
from tests.support.generation import all_rows
from tests.support.prefect_lab import PrefectLab, flow_processes, wait_for
from tests.support.slow_vllm import write_slow_dataset

pytestmark = pytest.mark.slow
PAIRS = 320


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, tiny_llama: Path) -> Iterator[PrefectLab]:
    """Two datasets of four shards: `fanned` and `cancelled`, about eight seconds of generation each."""
    folder = tmp_path_factory.mktemp("lab")
    datasets = {
        name: write_slow_dataset(folder / name, tiny_llama, name, PAIRS, seconds=0.2, num_shards=4)
        for name in ("fanned", "cancelled")
    }
    with PrefectLab(folder) as running:
        running.deploy(datasets)
        yield running


def test_a_range_survives_its_worker(lab: PrefectLab) -> None:
    output = lab.folder / "fanned" / "explanations"
    first = lab.worker("first", limit=2)
    parent = lab.run("generate-explanations/fanned", ranges=2)
    wait_for(lambda: flow_processes(first))  # it has the parent, and room for one range
    hold = lab.folder / "fanned" / "hold"
    hold.touch()  # or the first worker makes both ranges before the second has started
    second = lab.worker("second", limit=1)
    wait_for(lambda: flow_processes(second))
    before = wait_for(lambda: [run for run in lab.runs() if run["id"] != str(parent)])
    assert {(r["parameters"]["first"], r["parameters"]["last"]) for r in before} == {(0, 1), (2, 3)}
    (process,) = flow_processes(second)
    victim = wait_for(lambda: _run_of(lab, process.pid))
    mine = range(victim["parameters"]["first"], victim["parameters"]["last"] + 1)
    spools = [output / "_spool" / f"bucket-{bucket:05d}.jsonl" for bucket in mine]
    hold.unlink()
    wait_for(lambda: sum(len(s.completions) for path in spools for s in read_spool(path)) >= 10)
    hold.touch()  # so that its range is not finished when it is killed
    lab.kill(second)
    wait_for(lambda: _are_gone([process]))
    hold.unlink()

    state = lab.ended(parent)
    assert (state["type"], state["message"]) == ("COMPLETED", f"{PAIRS} ok; generated in ranges")
    children = [run for run in lab.runs() if run["id"] != str(parent)]
    again = [run for run in children if run["parameters"]["first"] == mine.start]
    assert [run["state"]["type"] for run in again] == ["CRASHED", "COMPLETED"]
    assert "is gone" in again[0]["state"]["message"]
    assert again[1]["start_time"] > again[0]["end_time"], "never two at once"
    assert "reused 0" not in again[1]["state"]["message"], "what was answered before the kill is kept"
    assert len(children) == 3
    job = open_job(lab.folder / "fanned" / "tiny.yaml")
    rows = all_rows(output)
    assert set(rows) == {f"p{i}" for i in range(PAIRS)}
    chats = {row.id: job.prompt.render(_pair(row)) for row in rows.values()}
    for row, ids in zip(chats, job.model.encode(list(chats.values())), strict=True):
        assert rows[row].raw_text == text_for(tuple(ids))
    assert sum(len(read_split(output, split, statuses=None).triples) for split in ("train", "test")) == PAIRS
    lab.kill(first)


def test_a_killed_run_is_cleared_and_a_cancelled_one_stopped_and_each_is_resumed(lab: PrefectLab) -> None:
    spool = lab.folder / "cancelled" / "explanations" / "_spool"
    worker = lab.worker("third", limit=2)
    killed = lab.run("generate-explanations/cancelled")
    wait_for(lambda: _answers(spool) >= 10)
    hold = lab.folder / "cancelled" / "hold"
    hold.touch()  # a slow machine takes longer over the next commands than the run would
    second = lab.run("generate-explanations/cancelled")
    state = lab.ended(second)
    assert (state["type"], state["message"]) == ("CANCELLED", "Deployment concurrency limit reached.")
    family = _family(worker)
    lab.kill(worker)
    wait_for(lambda: _are_gone(family))
    kept = _answers(spool)
    hold.unlink()
    assert lab.state(killed)["type"] == "RUNNING", "as Prefect leaves it, with its slot"
    clear = [sys.executable, "-m", "flows.cli", "clear-stale-runs"]
    said = subprocess.run(clear, env=lab.environment, capture_output=True, text=True, check=True).stdout
    assert str(killed) in said and "stale runs cleared: 1" in said
    assert lab.state(killed)["type"] == "CRASHED"

    worker = lab.worker("fourth", limit=2)
    cancelled = lab.run("generate-explanations/cancelled")
    wait_for(lambda: _answers(spool) >= kept + 10)
    hold.touch()
    family = _family(worker)
    lab.prefect("flow-run", "cancel", str(cancelled))
    assert lab.ended(cancelled)["type"] == "CANCELLED"
    wait_for(lambda: _are_gone(family))
    hold.unlink()
    kept = _answers(spool) + len(all_rows(spool.parent))
    assert 20 <= kept < PAIRS
    resumed = lab.run("generate-explanations/cancelled")
    state = lab.ended(resumed)
    message = f"{PAIRS} ok; generated {PAIRS - kept}, reused {kept}"
    assert (state["type"], state["message"]) == ("COMPLETED", message)
    artifacts = lab.artifacts(resumed)
    assert artifacts["progress"]["data"] == 100 and "rows/s" in artifacts["progress"]["description"]
    assert artifacts["explanations-cancelled-sample"]["data"].count("\n| ") == 4 + 4, "of train and test"
    lab.kill(worker)


def _run_of(lab: PrefectLab, pid: int) -> dict | None:
    """The flow run whose progress says that this process makes it."""
    for run in lab.runs():
        sign = lab.artifacts(run["id"]).get("progress")
        if sign is not None and sign["metadata_"]["pid"] == str(pid):
            return run
    return None


def _family(worker: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """A worker's flow runs with the server that they started."""
    family = [child for run in flow_processes(worker) for child in (run, *run.children(recursive=True))]
    assert any("fake_vllm_process" in " ".join(child.cmdline()) for child in family)
    return family


def _are_gone(processes: list[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


def _answers(spool: Path) -> int:
    if not spool.is_dir():
        return 0
    return sum(len(session.completions) for path in spool.iterdir() for session in read_spool(path))


def _pair(row: Row) -> Pair:
    return Pair(row.id, row.split, row.image, row.caption, row.topic)
