"""Divergence guard: stops a run before a loss or gradient that is not finite, or far too large, spoils the weights.

It checks each step's losses and gradient norm before the optimiser step. Too large means more than
`divergence.loss_factor` times the median total loss, or `divergence.gradient_factor` times the median gradient norm, of
the last `divergence.window` steps. A median below 1 counts as 1, as even ordinary steps exceed any multiple of a median
near zero.
"""

import json
import math
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

from entityclip.contract.atomic_files import remove_anything, write_json
from model.checkpoints.train_state import saved_steps, set_aside
from model.errors import ModelError
from model.settings.schema import DivergenceSettings

REPORT = "diverged.json"
_LEAST_MEDIAN = 1.0
_NAMED_IDS = 20


class DivergenceError(ModelError):
    """The run has diverged; `RUN/diverged.json` has the step, its metrics and the batch's ids."""


class DivergenceGuard:
    """Tracks recent losses and gradient norms, and stops the run at outliers."""

    def __init__(self, run: Path, settings: DivergenceSettings, log: Iterable[dict[str, Any]] = ()) -> None:
        """Start from the `log` of a resumed run, so that the run is checked as if it had never been interrupted."""
        self._run, self._settings = run, settings
        self._recent = {name: deque[float](maxlen=settings.window) for name in ("loss", "gradient")}
        for line in deque((line for line in log if line["kind"] == "step"), maxlen=settings.window):
            self._remember(line["losses"]["total"], line["report"].get("grad_norm"))
        remove_anything(run / REPORT)

    def check(
        self,
        step: int,
        losses: dict[str, float],
        gradient: float,
        *,
        rates: dict[str, float],
        ids: Callable[[], list[str]],
        writes: bool = True,
    ) -> None:
        """Raise DivergenceError, after writing `RUN/diverged.json`, if the step must not be taken.

        The state saved just before the step, if any, is renamed to `RUN/state/spoiled-...`, because its weights led to
        this loss; a resumed run then starts from an earlier state.

        Args:
            step: number of the step, starting at 1.
            losses: the step's loss terms, including "total".
            gradient: norm of the whole gradient.
            rates: learning rates, for the report.
            ids: function that returns the batch's ids; called only if needed, and then in every process.
            writes: whether this process writes the files.
        """
        why = self._objection(losses, gradient)
        if why is None:
            self._remember(losses["total"], gradient)
            return
        batch = ids()
        spoiled = saved = None
        if writes:
            spoiled, saved = set_aside(self._run, step - 1), next(iter(saved_steps(self._run)), None)
            report = {
                "step": step,
                "why": why,
                "losses": losses,
                "grad_norm": gradient,
                "recent_median": {name: self._usual(name) for name in self._recent},
                "lr": rates,
                "last_state": saved,
                "set_aside": None if spoiled is None else spoiled.name,
                "ids": batch,
            }
            # JSON cannot represent NaN and infinite numbers, so strings replace them
            write_json(self._run / REPORT, json.loads(json.dumps(report), parse_constant=str))
        raise DivergenceError(self._message(step, why, losses, batch, rates, saved))

    def _objection(self, losses: dict[str, float], gradient: float) -> str | None:
        if not all(math.isfinite(value) for value in losses.values()):
            return "the loss is not finite"
        if not math.isfinite(gradient):
            return "the gradient is not finite"
        for name, title, value, factor in (
            ("loss", "loss", losses["total"], self._settings.loss_factor),
            ("gradient", "gradient norm", gradient, self._settings.gradient_factor),
        ):
            usual = self._usual(name)
            if factor is not None and usual is not None and value > factor * max(usual, _LEAST_MEDIAN):
                return (
                    f"the {title} {value:.4g} is more than {factor:g} times the median {usual:.4g} of "
                    f"recent steps (divergence.{name}_factor)"
                )
        return None

    def _message(
        self, step: int, why: str, losses: dict[str, float], ids: list[str], rates: dict[str, float], saved: int | None
    ) -> str:
        terms, lr = (", ".join(f"{name} {value:.4g}" for name, value in found.items()) for found in (losses, rates))
        more = f" and {len(ids) - _NAMED_IDS:,} more, all in {self._run / REPORT}" if len(ids) > _NAMED_IDS else ""
        state = "there is no earlier state"
        if saved is not None:
            state = f"the last state is from step {saved}; the same command resumes from it and meets this batch again"
        return (
            f"step {step}: {why}: {terms}\n"
            "  the weights were not updated in this step\n"
            f"  batch: {', '.join(ids[:_NAMED_IDS])}{more}\n"
            f"  in {self._run}, {state}; checkpoint/ has the best weights so far\n"
            f"  to continue, check these rows, or lower the learning rates (now {lr}), or lengthen the warm-up\n"
            f"  to start over from the initial weights, use --overwrite; to start from the best ones, run entityclip "
            f"export {self._run} CLIP, then train with --out NEW --set towers.model=local-dir:CLIP"
        )

    def _remember(self, loss: float, gradient: float | None) -> None:
        self._recent["loss"].append(loss)
        if gradient is not None:
            self._recent["gradient"].append(gradient)

    def _usual(self, name: str) -> float | None:
        return median(self._recent[name]) if self._recent[name] else None
