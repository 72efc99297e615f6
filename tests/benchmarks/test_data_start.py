"""A hundred thousand triples more take little more memory: of their texts and images none is kept."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks import data_start
from tests.benchmarks.commands import command_of


def _measured(tmp_path: Path, *rows: int) -> list[dict[str, float]]:
    sizes = [word for count in rows for word in ("--rows", str(count))]
    arguments = [*sizes, "--rows-per-shard", "5000", "--workers", "1", "--json", str(tmp_path / "out.json")]
    result = CliRunner().invoke(command_of(data_start.main), arguments, catch_exceptions=False)
    assert result.exit_code == 0
    found: list[dict[str, float]] = json.loads((tmp_path / "out.json").read_text())
    return found


@pytest.mark.slow
def test_memory_hardly_grows_with_rows(tmp_path: Path) -> None:
    few, many = _measured(tmp_path, 25_000, 150_000)
    assert (few["rows"], many["rows"]) == (25_000, 150_000)
    texts = 125_000 * 900 / 2**20  # MiB of the rows that were added
    assert many["anonymous_mib"] - few["anonymous_mib"] < 0.6 * texts
    assert many["anonymous_mib"] < 1024
