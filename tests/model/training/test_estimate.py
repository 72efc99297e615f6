"""The estimate of `entityclip check`, beside runs that are really trained."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from model.errors import ModelError
from model.settings.schema import TrainSettings
from model.training.estimate import estimate_training
from model.training.loop import train
from model.training.trial import Trial, try_training

pytestmark = pytest.mark.usefixtures("undrawn_curves")


def changed(settings: TrainSettings, **sections: object) -> TrainSettings:
    values = settings.model_dump()
    for name, change in sections.items():
        values[name] = {**values[name], **change} if isinstance(change, dict) else change
    return TrainSettings.model_validate(values)


def test_disk_is_that_of_a_run(settings: TrainSettings, tmp_path: Path) -> None:
    settings = changed(settings, checkpoint={"every": 1, "keep": 2}, lock={"text": True})
    train(settings, tmp_path / "run")

    def size(folder: Path) -> int:
        return sum(path.stat().st_size for path in folder.glob("*[!m].safetensors"))  # all but random.safetensors

    first, second = (size(folder) for folder in (tmp_path / "run" / "state").iterdir())
    at_most = 2 * size(tmp_path / "run" / "checkpoint") + first + 2 * second  # while new ones are written
    assert Trial(settings, 8).disk_bytes() == pytest.approx(at_most, rel=0.1)


@pytest.mark.parametrize(
    "method",
    [{}, {"mmae": False, "gi_itm": False}, {"mmae": False, "gi_itm": False, "anchor_text_weight": 1.0}],
    ids=["published", "plain", "anchors"],
)
@pytest.mark.parametrize("micro", [None, 4])
def test_every_kind_of_run_is_measured(settings: TrainSettings, method: dict[str, object], micro: int | None) -> None:
    settings = changed(settings, method=method, optim={"micro_batch_size": micro, "batch_size": 16})
    found = try_training(settings, 40, 12, caption_tokens=5)
    assert (found.steps, found.batch_size, found.device) == (6, 16, "cpu")
    assert found.measured_sizes == ((2, 8) if micro is None else (2, 4))
    assert found.seconds == pytest.approx(6 * found.step_seconds + found.validation_seconds, rel=0.9)
    assert found.validation_seconds > 0 and found.memory_bytes > 2**26


@pytest.mark.slow
def test_it_runs_in_a_process_of_its_own_and_says_what_is_wrong(settings: TrainSettings) -> None:
    found = estimate_training(settings, 40, 12, caption_tokens=5)
    assert found.steps == 6 and list(found.measured_sizes) == [2, 8]
    with pytest.raises(ModelError, match="open_clip has no model 'ViT-Z'"):
        estimate_training(changed(settings, towers={"model": "ViT-Z"}), 40, 12, caption_tokens=5)


def test_the_trial_does_not_outlive_its_parent(settings: TrainSettings) -> None:
    task = {"settings": settings.as_plain(), "rows": [40, 12], "caption_tokens": 5}
    command = [sys.executable, "-P", "-m", "model.training.trial"]
    ended = subprocess.run(command, input=json.dumps(task) + "\n", capture_output=True, text=True)  # closes stdin
    assert (ended.returncode, ended.stdout) == (1, "")
