"""The picture of a run: what is in it, what it leaves out, and that it stays bounded; how it looks is for eyes."""

from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from PIL import Image

from model.settings.schema import MethodSettings, TrainSettings
from model.tracking.curve_panels import running_mean
from model.tracking.history import Bin, History
from model.tracking.learning_curves import CURVES, learning_curves
from model.training.loop import train


@given(st.lists(st.tuples(st.integers(0, 5000), st.floats(-1e6, 1e6)), min_size=1, max_size=60), st.integers(2, 9))
def test_history_loses_no_value_and_no_extreme(points: list[tuple[int, float]], most: int) -> None:
    history = History(most)
    for step, value in points:
        history.add(step, {"x": value})
    bins = history.bins("x")
    assert len(bins) <= most and sum(b.count for b in bins) == len(points)
    assert sum(b.total for b in bins) == pytest.approx(sum(value for _, value in points), abs=1e-3)
    assert sum(b.steps for b in bins) == sum(step for step, _ in points)
    assert min(b.low for b in bins) == min(v for _, v in points)
    assert max(b.high for b in bins) == max(v for _, v in points)
    means = [b.steps / b.count for b in bins]
    assert means == sorted(means)


def test_smoothing_does_not_lag_behind() -> None:
    line = [0.5 * x for x in range(11)]
    assert running_mean(line, 4)[2:-2] == pytest.approx(line[2:-2])
    assert running_mean([0.0, 0.0, 9.0, 0.0, 3.0], 3) == [0.0, 3.0, 3.0, 4.0, 1.5]


def titles(history: History) -> list[str]:
    figure = learning_curves(history, "a $run")
    figure.draw_without_rendering()  # raises where labels cannot be drawn
    return [axes.get_title() for part in figure.subfigs for axes in part.axes if axes.get_title()]


def test_only_what_a_run_has_is_drawn(settings: TrainSettings, tmp_path: Path) -> None:
    """A plain CLIP has no gates; a history with one odd value is drawn too."""
    plain = settings.model_copy(update={"method": MethodSettings(mmae=False, gi_itm=False)})
    train(plain, tmp_path / "plain")
    with Image.open(tmp_path / "plain" / CURVES) as picture:
        size = picture.size
    train(settings, tmp_path / "run")
    with Image.open(tmp_path / "run" / CURVES) as picture:
        picture.load()
        assert picture.format == "PNG" and picture.width == size[0] == 1400 and picture.height > size[1]
    assert not list(tmp_path.glob("*/.*.tmp"))  # nothing half-written

    history = History()
    assert titles(history) == []
    history.add(1, {"loss/total": 1.0, "lr/towers": 0.0})
    history.add(2, {"loss/total": 1e30, "validation/mean_recall": 12.34, "image_gate/image_1": 1.0})
    history.add(2, {"image_gate/effective_experts": 1.0, "text_gate/text_1": 1.0})
    assert titles(history) == [
        "losses (training)",
        "validation recall (best mean 12.3 % at step 2)",
        "learning rates",
        "image gate (MMAE): 1.0 of 1 experts effective",
        "text gate (MMAE)",
    ]


def test_bins_are_merged_exactly() -> None:
    one = Bin(2, 3.0, 5, 1.0, 2.0)
    one.add(Bin(1, 7.0, 4, 7.0, 7.0))
    assert one == Bin(3, 10.0, 9, 1.0, 7.0)
