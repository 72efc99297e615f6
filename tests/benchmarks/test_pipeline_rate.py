"""The benchmarks of planning and of the pipeline run and say what they measured; memory is asserted, no time is."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from benchmarks import pipeline_rate, planning
from tests.benchmarks.commands import command_of


@pytest.mark.slow
def test_planning_is_measured(tmp_path: Path) -> None:
    arguments = ["--rows", "60", "--rows-per-shard", "20", "--json", str(tmp_path / "out.json")]
    result = CliRunner().invoke(command_of(planning.main), arguments, catch_exceptions=False)
    assert result.exit_code == 0
    found = json.loads((tmp_path / "out.json").read_text())
    assert [size["pairs"] for size in found] == [60]
    assert all(0 < size["peak_mib_before"] <= size["peak_mib"] and size["plan_mib"] > 0 for size in found)


@pytest.mark.slow
def test_ten_times_the_rows_take_the_same_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    arguments = ["--rows", "5000", "--rows", "50000", "--json", str(tmp_path / "out.json")]
    result = CliRunner().invoke(command_of(pipeline_rate.main), arguments, catch_exceptions=False)
    assert result.exit_code == 0
    found = {(run["pairs"], run["run"]): run for run in json.loads((tmp_path / "out.json").read_text())}
    for run in ("all made", "all there"):
        assert found[5_000, run]["rows"] == 5_000 and found[50_000, run]["rows"] == 50_000
        assert found[50_000, run]["peak_mib"] <= 1.2 * found[5_000, run]["peak_mib"]
    of_cuda = 0 if torch.version.cuda is None else 512  # a CUDA build of torch takes some 420 MiB more to be imported
    assert found[50_000, "all there"]["peak_mib"] < 1024 + of_cuda
