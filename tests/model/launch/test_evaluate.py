"""Several processes share the encoding, and measure what one measures."""

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from model.errors import ModelError
from model.evaluation.evaluate import evaluate
from model.launch.evaluate import evaluate_in_processes
from model.training.loop import train

pytestmark = pytest.mark.usefixtures("undrawn_curves")


def without_commit(metrics: dict[str, Any]) -> dict[str, Any]:
    """By split; the tree may be edited while this runs."""
    for found in metrics.values():
        del found["evaluated_with"]["git"]
    return metrics


@pytest.mark.slow
def test_two_processes_measure_what_one_measures(settings, tmp_path):
    run = tmp_path / "run"
    train(settings, run)
    splits = [settings.data.splits.test, settings.data.splits.val]

    def written() -> dict[str, Any]:
        found: dict[str, Any] = {path.name: json.loads(path.read_text()) for path in run.glob("*_ids.json")}
        for path in run.glob("*_embeddings.safetensors"):
            found |= {f"{path.name} {name}": tensor.tolist() for name, tensor in load_file(path).items()}
        metrics = json.loads((run / "metrics.json").read_text())
        return found | metrics | {"splits": without_commit(metrics["splits"])}

    measured = without_commit(evaluate(run, splits))
    alone = written()
    for path in [*run.glob("*_ids.json"), *run.glob("*_embeddings.safetensors"), run / "metrics.json"]:
        path.unlink()
    assert without_commit(evaluate_in_processes(run, splits, count=2)) == measured
    assert written() == alone and len(alone) == 2 * 3 + 3
    with pytest.raises(ModelError, match="no checkpoint"):
        evaluate_in_processes(Path(tmp_path), count=2)


@pytest.mark.slow
def test_a_mistake_that_the_processes_find_is_said(settings, tmp_path):
    train(settings, tmp_path / "run")
    with pytest.raises(ModelError, match="no-such-split"):
        evaluate_in_processes(tmp_path / "run", ["no-such-split"], count=2)
