"""Trains one run of an arm and measures each protocol on a split."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.ablation.worlds import SHIPPED, World
from benchmarks.explained_search.arms import Arm, ArmPlan
from benchmarks.explained_search.protocols import by_knowledge, by_protocol, by_weight
from benchmarks.explained_search.results import Measured
from model.checkpoints.checkpoint import load_entityclip, save_checkpoint
from model.clip.folder import towers_folder
from model.clip.towers import load_towers
from model.evaluation.evaluate import evaluate
from model.evaluation.explained import explained_ways
from model.run_files import SETTINGS
from model.settings.load import load_run_settings, load_settings
from model.settings.schema import TrainSettings
from model.training.loop import train
from model.training.run_dir import can_go_on, is_finished

_CONFIG = SHIPPED / "train.yaml"


@dataclass(frozen=True)
class Run:
    """A training run in its own folder.

    Attributes:
        arm: a trained arm.
        lr: peak learning rate, of the towers and of the modules.
    """

    root: Path
    world: World
    arm: Arm
    lr: float
    steps: int
    seed: int

    @property
    def folder(self) -> Path:
        about = f"world-{self.world.folder.name}/{self.arm.slug}/steps-{self.steps}-lr-{self.lr:g}"
        return self.root / "runs" / about / f"seed-{self.seed}"

    @property
    def settings(self) -> TrainSettings:
        overrides = [
            *self.arm.method,
            f"towers.model=local-dir:{SHIPPED / 'clip'}",
            f"data.explanations={self.world.explanations('generated')}",
            "data.workers=0",  # concurrent runs have one core each
            f"optim.steps={self.steps}",
            f"optim.lr={self.lr:g}",
            f"optim.new_lr={self.lr:g}",
            f"evaluation.every={max(1, self.steps // 4)}",
            "checkpoint.minutes=null",
            f"seed={self.seed}",
        ]
        return load_settings(_CONFIG, overrides)

    def complete(self) -> None:
        """Train the run if it is not trained. Writes a log next to its folder. Raises ModelError as `train` does."""
        settings = self.settings
        if not is_finished(self.folder, settings):
            with self._logged():
                train(settings, self.folder, overwrite=not can_go_on(self.folder, settings))

    def measure(self, arm: Arm, split: str, plan: ArmPlan | None) -> list[Measured]:
        """Return an arm's results on a split, by protocol and pool.

        Args:
            arm: the run's own arm, or one made from it.
            plan: weights of explanations and the gate. None: the results of all queries by weight, and the gate.
        """
        folder = self.folder if arm.of is None else self.folder.with_name(f"{self.folder.name}-{arm.share:g}")
        with self._logged():
            if arm.of is not None:
                interpolate(self.folder, folder, arm.share)
            evaluate(folder, [split])
            settings = self.settings
            ways = explained_ways(folder, settings, load_towers(settings.towers), settings.data)
            embedded = {name: embed(split) for name, embed in ways.items()}
            if plan is None:
                found = list(by_weight(embedded))
            else:
                found = [*by_protocol(embedded, plan), *by_knowledge(embedded["towers"], plan, self._houses())]
        if arm.of is not None:
            shutil.rmtree(folder)
        return found

    def _houses(self) -> dict[str, tuple[int, ...]]:
        """Return the numbers of the houses that each pair's caption names, by pair id."""
        return {row_id: tuple(house.index for house in shot.houses) for row_id, shot in self.world.shots.items()}

    @contextmanager
    def _logged(self) -> Iterator[None]:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        log = self.folder.parent / f"{self.folder.name}.log"
        with log.open("a", encoding="utf-8") as file, redirect_stdout(file), redirect_stderr(file):
            yield


def interpolate(run: Path, out: Path, share: float) -> None:
    """Write a run whose weights are those before training plus `share` of their change by training (arXiv 2109.01903).

    Only the towers are interpolated; a run with MMAE or GI-ITM has modules that fit one end only.
    """
    settings = load_run_settings(run / SETTINGS)
    model, towers = load_entityclip(run)
    before = load_towers(settings.towers).clip.state_dict()
    between = {
        name: torch.lerp(before[name], value, share) if value.is_floating_point() else value
        for name, value in model.clip.state_dict().items()
    }
    model.clip.load_state_dict(between)
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run / SETTINGS, out / SETTINGS)
    base = towers_folder(settings.towers, towers)
    save_checkpoint(out, model, settings.towers, step=0, validation=None, base=base)
