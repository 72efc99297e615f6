import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.checking import main
from tests.benchmarks.commands import command_of


@pytest.mark.slow
def test_the_command_checks_every_size(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    arguments = ["--rows", "200", "--rows", "400", "--pictures", "50", "--json", str(path)]
    result = CliRunner().invoke(command_of(main), arguments, catch_exceptions=False)
    assert result.exit_code == 0
    found = json.loads(path.read_text())
    assert [size["pairs"] for size in found] == [200, 400]
    assert all(size["peak_mib"] > 20 and sum(size["seconds"].values()) <= size["whole_process"] for size in found)
