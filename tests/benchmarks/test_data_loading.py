"""The benchmark reads the same pictures with every reader, ours as open_clip's; no time is asserted."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks import data_loading
from tests.benchmarks.commands import command_of


@pytest.mark.slow
def test_every_reader_reads_all_pictures(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "out.json"
    arguments = ["--images", "48", "--rounds", "1", "--batch-size", "4", "--data", str(data), "--json", str(out)]
    result = CliRunner().invoke(command_of(data_loading.main), arguments, catch_exceptions=False)
    assert result.exit_code == 0
    found = json.loads(out.read_text())
    assert {reader: len(rates) for reader, rates in found["images_per_s"].items()} == dict.fromkeys(
        data_loading.READERS, 1
    )
    assert 80 < found["kib"]["images"] < 130 and found["kib"]["packed"] < 0.6 * found["kib"]["images"]
