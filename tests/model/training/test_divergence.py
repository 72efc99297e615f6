"""A run that diverges stops with its last good state, and says what it met; one that does not is left alone."""

import json
import math
import statistics
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from model.errors import ModelError
from model.method.entityclip import EntityCLIP, StepOutput
from model.settings.schema import DivergenceSettings, TrainSettings
from model.tracking.learning_curves import CURVES
from model.training.divergence import REPORT, DivergenceError, DivergenceGuard
from model.training.loop import train
from tests.model.training.test_loop import changed, lines
from tests.support.curves import undrawn


def check(guard: DivergenceGuard, step: int, loss: float, gradient: float = 1.0) -> None:
    guard.check(step, {"total": loss, "vtc": loss}, gradient, rates={"towers": 1e-3}, ids=lambda: ["a", "b"])


def test_far_is_many_times_the_recent_median_or_one(tmp_path: Path) -> None:
    guard = DivergenceGuard(tmp_path, DivergenceSettings(loss_factor=10, gradient_factor=1000, window=5))
    losses = [3.0, 29.0, 2.9, 25.0, 0.1, 0.2, 0.1, 0.01, 9.9, 0.02, 0.1]  # spikes, then near zero
    for step, loss in enumerate(losses, start=1):
        check(guard, step, loss, gradient=999.0 if step == 4 else 0.5)
    usual = max(1.0, statistics.median(losses[-5:]))
    with pytest.raises(DivergenceError, match=r"step 12: the loss 10\.1 is more than 10 times the median 0\.1"):
        check(guard, 12, 10.1 * usual)
    with pytest.raises(DivergenceError, match=r"gradient norm 1001 is more than 1000 times .*gradient_factor"):
        check(guard, 12, 0.1, gradient=1001.0)
    report = json.loads((tmp_path / REPORT).read_text())
    assert report["recent_median"] == {"loss": 0.1, "gradient": 0.5} and report["ids"] == ["a", "b"]
    check(guard, 12, 0.3)  # what was refused is not among the recent ones


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_switched_off_it_still_refuses_what_is_not_finite(tmp_path: Path, bad: float) -> None:
    guard = DivergenceGuard(tmp_path, DivergenceSettings(loss_factor=None, gradient_factor=None))
    for loss in (1.0, 1e9, 1e-9, 1e30):
        check(guard, 1, loss, gradient=1e20)
    with pytest.raises(DivergenceError, match="the loss is not finite"):
        check(guard, 2, bad)
    with pytest.raises(DivergenceError, match="the gradient is not finite"):
        check(guard, 2, 1.0, gradient=bad)
    assert json.loads((tmp_path / REPORT).read_text())["grad_norm"] in ("NaN", "Infinity")


def test_far_too_high_a_learning_rate_stops_the_run_before_its_weights_are_kept(
    settings: TrainSettings, tmp_path: Path
) -> None:
    """A real one: the state whose weights gave the loss is set aside, and the best checkpoint is the start's."""
    settings = changed(settings, optim={"steps": 40, "lr": 10.0, "new_lr": 10.0, "warmup": 0.5})
    settings = changed(settings, checkpoint=settings.checkpoint.model_copy(update={"every": 1, "keep": 3}))
    with pytest.raises(ModelError, match=r"is more than 10 times the median") as caught:
        train(settings, tmp_path / "run")
    report = json.loads((tmp_path / "run" / REPORT).read_text())
    steps = [line for line in lines(tmp_path / "run") if line["kind"] == "step"]
    step = report["step"]
    assert [line["step"] for line in steps] == list(range(1, step))
    usual = statistics.median(line["losses"]["total"] for line in steps)
    assert report["recent_median"]["loss"] == usual and report["losses"]["total"] > 10 * usual
    said = str(caught.value)
    assert f"step {step}: " in said and ", ".join(report["ids"]) in said and len(report["ids"]) == 8
    states = {path.name for path in (tmp_path / "run" / "state").iterdir()}
    assert f"spoiled-step-{step - 1:08d}" == report["set_aside"] and report["set_aside"] in states
    assert report["last_state"] == step - 2 and f"step-{step - 2:08d}" in states
    assert f"the last state is from step {step - 2}" in said
    weights = load_file(tmp_path / "run" / "checkpoint" / "model.safetensors")
    assert all(tensor.abs().max() < 10 for tensor in weights.values())
    assert (tmp_path / "run" / CURVES).exists() and not (tmp_path / "run" / "train.json").exists()

    with pytest.raises(ModelError) as again:  # resumed, it meets the same step with the same history
        train(settings, tmp_path / "run")
    assert str(again.value).splitlines()[0] == said.splitlines()[0]


def test_a_batch_that_gives_no_number_is_named_and_a_later_run_goes_on(
    settings: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a machine computes wrongly once: resumed, the run ends as if nothing had been."""
    settings = changed(settings, checkpoint=settings.checkpoint.model_copy(update={"every": 2}))
    with undrawn():
        train(settings, tmp_path / "whole")
    forward, calls = EntityCLIP.forward, []

    def broken(self, batch, **how) -> StepOutput:
        step = forward(self, batch, **how)
        calls.append(batch.ids)
        if len(calls) == 4:
            return StepOutput(step.losses | {"total": step.losses["total"] * math.nan}, step.report)
        return step

    with monkeypatch.context() as patch, undrawn():
        patch.setattr(EntityCLIP, "forward", broken)
        with pytest.raises(DivergenceError, match="step 4: the loss is not finite: total nan") as caught:
            train(settings, tmp_path / "run")
    report = json.loads((tmp_path / "run" / REPORT).read_text())
    assert ", ".join(calls[3]) in str(caught.value) and report["ids"] == calls[3]
    assert report["losses"]["total"] == "NaN" and report["last_state"] == 2
    with undrawn():
        train(settings, tmp_path / "run")
    assert not (tmp_path / "run" / REPORT).exists()
    whole, resumed = (load_file(tmp_path / run / "checkpoint" / "model.safetensors") for run in ("whole", "run"))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
