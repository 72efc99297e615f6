"""The benchmark runs and says what it measured; no time is asserted."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.steps import Variant
from benchmarks.training_step import main
from model.clip.open_clip_import import open_clip
from tests.benchmarks.commands import command_of
from tests.model.tiny_clip import config


@pytest.mark.slow
def test_the_command_measures_every_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny", config()["model_cfg"])
    arguments = ["--model", "tiny", "--batch", "3", "--rounds", "2", "--caption-tokens", "6", "--no-memory"]
    arguments += ["--explanation-tokens", "9", "--peak-tflops", "0.1", "--bf16", "--json", str(tmp_path / "out.json")]
    result = CliRunner().invoke(command_of(main), arguments, catch_exceptions=False)
    assert result.exit_code == 0 and "bf16 autocast, CPU, 1 thread(s)" in result.stdout

    written = json.loads((tmp_path / "out.json").read_text())
    assert written["workload"]["batch"] == 3 and written["workload"]["context_length"] is None
    steps = {step["step"]: step for step in written["steps"]}
    assert list(steps) == [variant.value for variant in Variant]
    assert all(len(step["seconds"]) == 2 and step["peak_memory_bytes"] is None for step in steps.values())
    assert steps[Variant.EXPLANATION]["ratio_range"] == [1, 1]
    flops = [steps[v]["step_flops"] for v in (Variant.PLAIN, Variant.EXPLANATION, Variant.FULL, Variant.NAIVE)]
    assert flops == sorted(flops) and steps[Variant.TRIMMED]["step_flops"] < steps[Variant.FULL]["step_flops"]
