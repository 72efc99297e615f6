"""Weights & Biases tracker, configured by its environment variables (WANDB_MODE, WANDB_PROJECT, WANDB_ENTITY, ...)."""

import os
from pathlib import Path
from typing import Any

import wandb

from model.tracking.trackers import read_tracked, remember_tracked


class WeightsAndBiases:
    """Tracker that logs to a W&B run named after the run's folder, with files in `RUN/wandb`.

    A resumed run continues the same W&B run.
    """

    name = "Weights & Biases"

    def __init__(self, run: Path, config: dict[str, Any], *, resumed: bool) -> None:
        known = read_tracked(run).get("wandb") if resumed else None
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "entityclip"),
            name=run.name,
            id=known,
            resume="allow" if known else None,
            dir=run,
            config=config,
            save_code=False,
            settings=wandb.Settings(console="off", silent=True),  # neither capture our output nor add to it
        )
        # our own step axis: W&B's only increases, and a resumed run repeats steps
        self._run.define_metric("step")
        self._run.define_metric("*", step_metric="step")
        remember_tracked(run, "wandb", self._run.id)

    def log(self, step: int, scalars: dict[str, float]) -> None:
        """Pass the scalars to W&B's background process."""
        self._run.log({"step": step, **scalars})

    def close(self, *, failed: bool) -> None:
        """Wait until everything is sent."""
        self._run.finish(exit_code=1 if failed else 0)
