"""Runs beside each other end with the command that wanted them."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.ablation.side_by_side import complete_runs
from model.errors import ModelError
from tests.support.prefect_lab import wait_for


@dataclass(frozen=True)
class FakeRun:
    """Says who completes it, and then fails or takes longer than any test."""

    folder: Path
    fails: bool = False
    is_complete: bool = False

    def complete(self) -> None:
        if self.fails:
            raise ModelError("no such shard")
        partial = self.folder.with_suffix(".partial")
        partial.write_text(str(os.getpid()), encoding="utf-8")
        partial.rename(self.folder)
        time.sleep(600)


def main(folder: str) -> None:
    """What the tests below interrupt."""
    complete_runs([FakeRun(Path(folder) / str(number)) for number in range(6)], 2, "runs")  # type: ignore[list-item]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.slow
def test_runs_end_with_the_command(tmp_path: Path, how: signal.Signals):
    command = subprocess.Popen([sys.executable, "-m", __name__, str(tmp_path)])
    try:
        wait_for(lambda: len(list(tmp_path.glob("[0-9]"))) == 2)
        workers = [int(path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()]
        command.send_signal(how)
        assert command.wait() != 0
    finally:
        command.kill()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    assert len(list(tmp_path.iterdir())) == 2, "another run was begun"


def test_runs_that_fail_are_named_when_all_others_have_ended(tmp_path: Path):
    runs = [FakeRun(tmp_path / "bad", fails=True), FakeRun(tmp_path / "complete", is_complete=True)]
    with pytest.raises(ModelError, match=r"1 of 1 runs failed:\n  .*bad: ModelError: no such shard"):
        complete_runs(runs, 2, "runs")  # type: ignore[arg-type]


if __name__ == "__main__":
    main(sys.argv[1])
