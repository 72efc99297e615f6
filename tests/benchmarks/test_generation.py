import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.generation import main
from tests.benchmarks.commands import command_of

pytestmark = [pytest.mark.slow, pytest.mark.vllm]


def test_a_real_vllm_is_measured_each_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the batch runner, which starts the model twice more."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    path = tmp_path / "found.json"
    arguments = ["--prompts", "24", "--rounds", "1", "--no-with-run-batch", "--json", str(path)]
    result = CliRunner().invoke(command_of(main), arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found = json.loads(path.read_text())
    assert found["prompts"] == 24 and len(found["seconds"]) == 5
    assert all(len(rounds) == 1 and rounds[0] > 0 for rounds in found["seconds"].values())
