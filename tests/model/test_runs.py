"""What is said of a training run, against a run that was really trained."""

import json
from pathlib import Path

import pytest

from model.evaluation.evaluate import evaluate
from model.runs import is_training_run, overview
from model.settings.schema import TrainSettings
from model.training.loop import train

pytestmark = pytest.mark.usefixtures("undrawn_curves")


def test_a_run_while_it_trains_when_it_is_finished_and_evaluated(settings: TrainSettings, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert not is_training_run(tmp_path)
    meanwhile = []
    train(settings, run, on_step=lambda *_: meanwhile.append(overview(run)))
    assert [found.state for found in meanwhile] == ["unfinished"] * 6
    assert [found.last_step.get("step") for found in meanwhile] == [1, 2, 3, 4, 5, 6]
    assert is_training_run(run)
    found = overview(run)
    record = json.loads((run / "train.json").read_text())
    assert (found.state, found.damaged, found.evaluation) == ("finished", {}, {})
    assert found.explanations == str(settings.data.explanations)
    assert found.checkpoint["step"] == record["best_step"] and found.record == record
    assert found.last_step["losses"].keys() == {"total", "vtc", "mmae", "itm"}

    metrics = evaluate(run)
    found = overview(run)
    split = settings.data.splits.test
    assert found.evaluation["splits"][split]["mean_recall"] == metrics[split]["mean_recall"]
    assert found.evaluation["stale"] is False
    json.dumps(found.as_plain(), allow_nan=False)

    card = run / "checkpoint" / "checkpoint.json"
    card.write_text(card.read_text().replace(found.checkpoint["sha256"]["towers.safetensors"], "0" * 64))
    assert overview(run).evaluation["stale"] is True
    card.write_text("{")
    assert list(overview(run).damaged) == ["checkpoint/checkpoint.json"]
