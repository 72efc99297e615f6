"""Plans the ablation's runs for each of its sizes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, product
from pathlib import Path
from statistics import fmean
from typing import Literal, get_args

from benchmarks.ablation.arms import ANCHORS, BOTH, BRIDGE, CONTROLS, ENTITYCLIP, ORACLES, PLAIN, TUNED, Arm
from benchmarks.ablation.runs import Run
from benchmarks.ablation.worlds import SHIPPED, World
from model.run_files import RECORD
from model.training.flops import step_flops
from pipeline.worlds.heraldry.houses import MAIN, RARE
from pipeline.worlds.heraldry.pools import SEVERAL, TWINS, UNSEEN

Budget = Literal["steps", "compute"]


@dataclass(frozen=True)
class Size:
    """A size of the ablation, which sets the extent of the comparison.

    Attributes:
        name: stem of the names of the result files.
        editions: editions of the worlds that results are reported for.
        seeds: training seeds, the same for all arms.
        tuning_editions: editions of the worlds that are used to select learning rates.
        tuning_seeds: training seeds for selecting learning rates; if empty, the first of `lrs` is used without tuning.
        lrs: learning rates to select from.
        steps: number of training steps of every arm at equal steps, and of the arm `costliest` at equal compute.
        arms: arms compared at equal steps.
        compute_arms: arms compared at equal compute, that is, with equal numbers of operations.
        costliest: arm that takes `steps` steps at equal compute; its number of operations is the budget of all arms.
        other_checkpoint: seed of the second initial CLIP; if None, only the shipped CLIP is used.
        world: overrides of `WorldSettings`.
        pools: pools of houses to report separately; a pair's pool is stored as its topic.
        explained: whether to also evaluate with explanations as queries, and write a separate table for them.
    """

    name: str
    editions: tuple[int, ...] = (1, 2, 3)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    tuning_editions: tuple[int, ...] = (1,)
    tuning_seeds: tuple[int, ...] = (100, 101)
    lrs: tuple[float, ...] = (5e-4, 1e-3, 2e-3)
    steps: int = 240
    arms: tuple[Arm, ...] = (*TUNED, *CONTROLS, *ORACLES)
    compute_arms: tuple[Arm, ...] = (*TUNED, *CONTROLS)
    costliest: Arm = BOTH
    other_checkpoint: int | None = 1
    world: tuple[tuple[str, int], ...] = ()
    pools: tuple[str, ...] = (MAIN, RARE)
    explained: bool = False


FULL = Size("full")
QUICK = Size(
    "quick",
    editions=(1,),
    seeds=(0, 1),
    tuning_seeds=(),
    lrs=(1e-3,),
    arms=(PLAIN, ENTITYCLIP, ANCHORS, *(arm for arm in CONTROLS if arm.like == ANCHORS.name)),
    compute_arms=(PLAIN, ENTITYCLIP, ANCHORS),
    other_checkpoint=None,
)
CONFIRMATION = Size(
    "confirmation",
    editions=(4, 5, 6),
    tuning_editions=(1, 2, 3),
    tuning_seeds=(100,),
    arms=(),
    compute_arms=(PLAIN, ENTITYCLIP, ANCHORS, *(arm for arm in CONTROLS if arm.like == ANCHORS.name)),
    other_checkpoint=None,
)
HARDER = Size(
    "harder",
    editions=(7, 8),
    tuning_seeds=(),
    lrs=(1e-3,),
    arms=(),
    compute_arms=(PLAIN, ENTITYCLIP, BRIDGE, ANCHORS, *(arm for arm in CONTROLS if arm.like == ANCHORS.name)),
    other_checkpoint=None,
    world=(("entities_max", 3), ("unseen_houses", 24), ("twin_houses", 24)),
    pools=(MAIN, RARE, UNSEEN, TWINS, *SEVERAL.values()),
    explained=True,
)
SIZES = {size.name: size for size in (FULL, QUICK, CONFIRMATION, HARDER)}


@dataclass(frozen=True)
class Row:
    """A row of the results table, which covers all worlds and seeds of one initial checkpoint, budget and arm."""

    checkpoint: int
    budget: Budget
    arm: Arm


@dataclass(frozen=True)
class Plan:
    """All runs of one size of the ablation, stored below `root`. `flops` maps arm names to operations per step."""

    root: Path
    size: Size
    flops: Mapping[str, float] = field(default_factory=dict)

    @property
    def worlds(self) -> list[World]:
        return [self._world(edition) for edition in self.size.editions]

    @property
    def tuning_worlds(self) -> list[World]:
        """The worlds that are used to select learning rates."""
        return [self._world(edition) for edition in self.size.tuning_editions if self.size.tuning_seeds]

    @property
    def checkpoints(self) -> dict[int, Path]:
        """Folders of the initial CLIPs, keyed by seed; seed 0 is the shipped CLIP."""
        other = self.size.other_checkpoint
        return {0: SHIPPED / "clip"} | ({} if other is None else {other: self.root / f"clip-{other}"})

    @property
    def rows(self) -> list[Row]:
        rows = [Row(0, "steps", arm) for arm in self.size.arms]
        rows += [Row(0, "compute", arm) for arm in self.size.compute_arms]
        if (other := self.size.other_checkpoint) is not None:
            arms = (PLAIN, ENTITYCLIP, BOTH, ANCHORS)  # these are also trained from the second initial CLIP
            rows += [Row(other, budget, arm) for budget in get_args(Budget) for arm in arms]
        return rows

    def counted(self) -> "Plan":
        """Return a copy of the plan with `flops` counted on batches of each arm. The worlds must exist."""
        arms = {arm.name: arm for arm in (*self.size.arms, *self.size.compute_arms, self.size.costliest)}
        world, clip, seed = self.worlds[0], self.checkpoints[0], self.size.seeds[0]
        runs = [Run(self.root, "final", world, 0, clip, arm, self.size.steps, 1e-3, seed) for arm in arms.values()]
        return replace(self, flops={run.arm.name: step_flops(run.settings) for run in runs})

    def steps(self, row: Row) -> int:
        if row.budget == "steps":
            return self.size.steps
        return round(self.size.steps * self.flops[self.size.costliest.name] / self.flops[row.arm.name])

    def tuning(self) -> list[Run]:
        """Return the runs that select learning rates."""
        rows = {row.arm.name: row for row in reversed(self.rows) if row.arm.like is None}
        return [run for row in rows.values() for lr in self.size.lrs for run in self._tries(row, lr)]

    def final(self, row: Row, lr: float) -> dict[tuple[int, int], Run]:
        keys = product(self.worlds, self.size.seeds)
        return {(world.edition, seed): self._run("final", row, world, lr, seed) for world, seed in keys}

    def best_lr(self, arm: Arm) -> float:
        """Return the learning rate with the best mean validation recall in the tuning runs; all budgets use it."""
        if not self.size.tuning_seeds:
            return self.size.lrs[0]
        row = next(row for row in self.rows if row.arm.name == (arm.like or arm.name))

        def recall(lr: float) -> float:
            records = [run.folder / RECORD for run in self._tries(row, lr)]
            return fmean(json.loads(one.read_text(encoding="utf-8"))["best_mean_recall"] for one in records)

        return max(self.size.lrs, key=recall)

    def _tries(self, row: Row, lr: float) -> list[Run]:
        """Return the tuning runs for one learning rate, with the row's checkpoint and number of steps."""
        keys = product(self.tuning_worlds, self.size.tuning_seeds)
        return [self._run("tune", row, world, lr, seed) for world, seed in keys]

    def _world(self, edition: int) -> World:
        name = "-".join(str(part) for part in (edition, *chain.from_iterable(self.size.world)))
        return World(edition, self.root / "worlds" / name, self.size.world)

    def _run(self, stage: str, row: Row, world: World, lr: float, seed: int) -> Run:
        clip = self.checkpoints[row.checkpoint]
        return Run(self.root, stage, world, row.checkpoint, clip, row.arm, self.steps(row), lr, seed)
