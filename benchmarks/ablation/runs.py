"""Defines a training run of the ablation: its folder, its settings, and how to complete it."""

from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.ablation.arms import Arm
from benchmarks.ablation.worlds import SHIPPED, World
from model.evaluation.clusters import Groups
from model.evaluation.compare import hits, load_embeddings
from model.evaluation.evaluate import evaluate
from model.evaluation.retrieval import ranks
from model.settings.load import load_settings
from model.settings.schema import TrainSettings
from model.training.loop import train
from model.training.run_dir import can_go_on, is_finished, is_measured

CONFIG = SHIPPED / "train.yaml"


@dataclass(frozen=True)
class Run:
    """A training run of the ablation, identified by its folder.

    Attributes:
        stage: "tune" runs select learning rates on validation and never use the test split; "final" runs are reported.
        checkpoint: seed of the initial CLIP; seed 0 is the shipped CLIP.
        clip: folder of the initial CLIP.
        steps: number of optimiser steps; budgets with the same number of steps share the run.
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
        about = f"{self.stage}/clip-{self.checkpoint}/world-{self.world.folder.name}/steps-{self.steps}"
        return self.root / about / self.arm.slug / f"lr-{self.lr:g}" / f"seed-{self.seed}"

    @property
    def settings(self) -> TrainSettings:
        overrides = [
            *self.arm.method,
            f"towers.model=local-dir:{self.clip}",
            f"data.explanations={self.world.explanations(self.arm.explanations)}",
            f"data.wrong_explanations={str(self.arm.explanations == 'others').lower()}",
            "data.workers=0",  # concurrent runs have one core each
            f"optim.steps={self.steps}",
            f"optim.lr={self.lr:g}",
            f"evaluation.every={max(1, self.steps // 4)}",
            "checkpoint.minutes=null",
            f"seed={self.seed}",
        ]
        return load_settings(CONFIG, overrides)

    @property
    def is_complete(self) -> bool:
        settings = self.settings
        return is_finished(self.folder, settings) and (self.stage == "tune" or is_measured(self.folder, settings))

    def complete(self) -> None:
        """Train the run and, if its stage is "final", evaluate it on the test split. Write a log next to its folder.

        Raises ModelError if training or evaluation raises it.
        """
        settings = self.settings
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder.parent / f"{self.folder.name}.log"
        with log.open("a", encoding="utf-8") as file, redirect_stdout(file), redirect_stderr(file):
            if not is_finished(self.folder, settings):
                train(settings, self.folder, overwrite=not can_go_on(self.folder, settings))
            if self.stage != "tune" and not is_measured(self.folder, settings):
                evaluate(self.folder)

    def hits(self, pools: Sequence[str]) -> dict[str, Tensor]:
        """Return each test pair's contribution to mean recall, by pool. No two pairs may share an image or a caption.

        Raises ModelError if the run was not evaluated.
        """
        embeddings = load_embeddings(self.folder, "test")
        pairs = torch.arange(len(embeddings.ids))
        found = ranks(embeddings.image, embeddings.text, Groups(image=pairs, caption=pairs))
        return self.by_pool(embeddings.ids, hits(found), pools)

    def by_pool(self, ids: Sequence[str], values: Tensor, pools: Sequence[str]) -> dict[str, Tensor]:
        """Group `values`, which has one value for each test pair in `ids`, by the pairs' pools."""
        owners = self.world.pools
        return {pool: values[[place for place, row_id in enumerate(ids) if owners[row_id] == pool]] for pool in pools}
