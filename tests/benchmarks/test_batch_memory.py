"""The benchmark runs in processes of its own and says what it measured."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.batch_memory import main
from tests.benchmarks.commands import command_of


@pytest.mark.slow
def test_the_command_measures_every_size_both_ways(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    sizes = ["--batch", "4", "--batch", "6", "--micro-batch", "4", "--at-once-up-to", "4"]
    arguments = ["--model", "ViT-S-32-alt", *sizes, "--json", str(out)]
    result = CliRunner().invoke(command_of(main), arguments, catch_exceptions=False)
    assert result.exit_code == 0 and "fp32, CPU, 1 thread(s)" in result.stdout
    points = json.loads(out.read_text())["points"]
    assert [(point["batch"], point["micro_batch"]) for point in points] == [(4, None), (6, 4)]
    weights_and_adamw = 43e6 * 4 * 3  # bytes; the towers alone have so many parameters
    for point in points:
        assert weights_and_adamw < point["before_bytes"] < point["peak_bytes"] < 8e9
