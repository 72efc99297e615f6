"""One training run of the ablation: where it is, its settings, and how it is completed."""

from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ablation.arms import Arm
from benchmarks.ablation.worlds import SHIPPED, World
from model.evaluation.evaluate import evaluate
from model.settings.load import load_settings
from model.settings.schema import TrainSettings
from model.training.loop import train
from model.training.run_dir import can_go_on, is_finished, is_measured

CONFIG = SHIPPED / "train.yaml"


@dataclass(frozen=True)
class Run:
    """A run; its folder says all that tells it from others.

    Attributes:
        stage: "tune" runs choose learning rates on validation, and never see the test split; "final" ones are reported.
        checkpoint: seed of the CLIP it starts from; 0 is the shipped one.
        steps: optimiser steps; budgets that give an arm as many share its runs.
    """

    root: Path
    stage: str
    world: World
    checkpoint: int
    clip: Path
    arm: Arm
    steps: int
    lr: float
    seed: int

    @property
    def folder(self) -> Path:
        """Where it is trained."""
        about = f"{self.stage}/clip-{self.checkpoint}/world-{self.world.folder.name}/steps-{self.steps}"
        return self.root / about / self.arm.slug / f"lr-{self.lr:g}" / f"seed-{self.seed}"

    @property
    def settings(self) -> TrainSettings:
        """The demo's, with what this run changes."""
        return load_settings(CONFIG, self.overrides)

    @property
    def overrides(self) -> list[str]:
        """What it changes of the demo's settings."""
        return [
            *self.arm.method,
            f"towers.model=local-dir:{self.clip}",
            f"data.explanations={self.world.explanations(self.arm.explanations)}",
            f"data.wrong_explanations={str(self.arm.explanations == 'others').lower()}",
            "data.workers=0",  # runs side by side have a core each
            f"optim.steps={self.steps}",
            f"optim.lr={self.lr:g}",
            f"evaluation.every={max(1, self.steps // 4)}",
            "checkpoint.minutes=null",
            f"seed={self.seed}",
        ]

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to do."""
        settings = self.settings
        return is_finished(self.folder, settings) and (self.stage == "tune" or is_measured(self.folder, settings))

    def complete(self) -> None:
        """Train, and unless this is for tuning, measure on the test split; what it says goes to a log beside it.

        Raises ModelError as training and evaluation do.
        """
        settings = self.settings
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder.parent / f"{self.folder.name}.log"
        with log.open("a", encoding="utf-8") as file, redirect_stdout(file), redirect_stderr(file):
            if not is_finished(self.folder, settings):
                train(settings, self.folder, overwrite=not can_go_on(self.folder, settings))
            if self.stage != "tune" and not is_measured(self.folder, settings):
                evaluate(self.folder)
