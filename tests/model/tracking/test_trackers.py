"""What trackers are told, read back by their own readers; and that none of them can end a run."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from model.settings.schema import TrainSettings
from model.tracking.open import open_trackers
from model.tracking.run_log import RunLog, read_log
from model.tracking.tensorboard import TENSORBOARD
from model.tracking.trackers import Trackers, as_scalars, reason


def tensorboard_points(run: Path) -> dict[str, dict[int, float]]:
    """By tag and step, as TensorBoard shows them: what a resume took back is gone."""
    events = EventAccumulator(str(run / TENSORBOARD), size_guidance={"scalars": 0}).Reload()
    return {tag: {point.step: point.value for point in events.Scalars(tag)} for tag in events.Tags()["scalars"]}


def write(run: Path, settings: TrainSettings, steps: range, loss: float, resumed_from: int | None = None) -> None:
    run.mkdir(exist_ok=True)
    with RunLog(
        run, open_trackers(run, settings, print, steps=8, resumed_from=resumed_from), resumed_from=resumed_from
    ) as log:
        for step in steps:
            log.step(step, {"total": loss}, {"image_gate/image_1": 0.25, "logit_scale": 14.0}, {"towers": 1e-3}, 0.0)
            if step % 2 == 0:
                metrics = {"mean_recall": loss, "text_to_image": {"R@1": 7.0}, "by_topic": {"war": {"R@1": 1.0}}}
                log.validation(step, metrics | {"gallery": 12, "interval": [1.0, 2.0]}, 0.0)


def test_tensorboard_reads_what_the_log_has_after_a_resume_too(tmp_path: Path, settings: TrainSettings) -> None:
    run = tmp_path / "run"
    write(run, settings, range(1, 4), loss=9.0)
    write(run, settings, range(1, 7), loss=1.0)  # begun anew in the same folder
    write(run, settings, range(5, 9), loss=2.0, resumed_from=4)  # steps 5 and 6 are made again
    expected: dict[str, dict[int, float]] = {}
    for line in read_log(run):
        for name, value in as_scalars(line):
            expected.setdefault(name, {})[line["step"]] = value
    assert set(expected) == {
        "loss/total",
        "image_gate/image_1",
        "report/logit_scale",
        "lr/towers",
        "validation/mean_recall",
        "validation/text_to_image/R@1",
        "validation/gallery",
    }
    found = tensorboard_points(run)
    assert {tag: set(points) for tag, points in found.items()} == {tag: set(p) for tag, p in expected.items()}
    assert (
        found["loss/total"]
        == expected["loss/total"]
        == dict.fromkeys(range(1, 5), 1.0) | dict.fromkeys(range(5, 9), 2.0)
    )


class Broken:
    """A tracker whose server goes away after two steps."""

    name = "Broken"

    def __init__(self) -> None:
        self.told = 0

    def log(self, step: int, scalars: dict[str, float]) -> None:
        self.told += 1
        if step > 2:
            raise ConnectionError("no route to host")

    def close(self, *, failed: bool) -> None:
        raise AssertionError("it is told no more")


def test_a_tracker_that_fails_is_said_once_and_ends_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    broken = Broken()
    with RunLog(tmp_path, Trackers([broken], said.append)) as log:
        for step in range(1, 6):
            log.step(step, {"total": 1.0}, {}, {}, 0.0)
    assert broken.told == 3 and len(list(read_log(tmp_path))) == 5
    assert said == ["Broken failed and receives no more metrics of this run: ConnectionError: no route to host"]


def test_a_reason_gives_no_secret_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "abc123def")
    error = ConnectionError("POST https://me:pass@host/api?x=1:\n refused for abc123def " + "x" * 500)
    said = reason(error)
    assert said.startswith("ConnectionError: POST https://***@host/api?x=1: refused for *** xxx") and len(said) < 330
