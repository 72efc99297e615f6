"""The benchmark of looking runs, and its rows are such as generation writes."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks import inspection
from pipeline.files.storage import open_storage
from pipeline.inspect.summary import summarise
from pipeline.shards.shard import list_shards, read_shard
from tests.benchmarks.commands import command_of


@pytest.mark.slow
def test_each_command_is_measured(tmp_path: Path) -> None:
    keep = tmp_path / "shards"
    arguments = ["--rows", "300", "--rows-per-bucket", "100", "--repeat", "1", "--keep", str(keep)]
    arguments += ["--only", "summary", "--only", "--diff", "--json", str(tmp_path / "out.json")]
    result = CliRunner().invoke(command_of(inspection.main), arguments, catch_exceptions=False)
    assert result.exit_code == 0
    found = json.loads((tmp_path / "out.json").read_text())
    assert (found["rows"], found["shards"]) == (300, 9)
    assert [run["command"] for run in found["runs"]] == ["summary", "--diff"]
    assert all(run["peak_mib"] > 0 and len(run["seconds"]) == 1 for run in found["runs"])
    summary = summarise(keep)
    assert summary is not None and (summary.rows, summary.state, summary.faults) == (300, "complete", ())
    storage = open_storage(keep)
    assert sum(len(read_shard(storage, shard.name).rows) for shard in list_shards(storage)) == 300
