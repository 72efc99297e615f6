"""The plan: what is chosen on validation splits, and the file that the runs on other worlds read it from."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from statistics import fmean

import yaml

from benchmarks.ablation.plan import HARDER
from benchmarks.ablation.worlds import World
from benchmarks.explained_search.arms import ARMS, TRAINED, Arm, ArmPlan
from benchmarks.explained_search.protocols import GATE
from benchmarks.explained_search.results import Result
from benchmarks.explained_search.runs import Run
from entityclip.contract.atomic_files import written_whole
from entityclip.contract.yaml_file import load_yaml
from flows.project_paths import PROJECT
from model.training.flops import step_flops

DOCS = PROJECT / "docs" / "explained_search"
CHOOSING, CONFIRMING, PLAN = DOCS / "choosing.csv", DOCS / "confirming.csv", DOCS / "plan.yaml"
CHOOSING_WORLDS = (1, 3, 7)
CONFIRMING_WORLDS = (9, 10, 11, 12, 13)
HARDER_WORLDS = (7, 12, 13)  # with unseen and twin houses, and with captions of several houses
LRS = (5e-4, 1e-3, 2e-3)
STEPS = 240  # of the arm that takes most operations a step; the others take as many operations in all
CHOOSING_SEEDS = (100,)
CONFIRMING_SEEDS = (0, 1, 2, 3, 4)


def world(root: Path, edition: int) -> World:
    """Return the world of an edition, below `root`."""
    sizes = HARDER.world if edition in HARDER_WORLDS else ()
    name = "-".join(str(part) for part in (edition, *chain.from_iterable(sizes)))
    return World(edition, root / "worlds" / name, sizes)


def trained_arm(arm: Arm) -> Arm:
    """Return the arm whose training runs `arm` is measured on."""
    return next(one for one in TRAINED if one.name == (arm.of or arm.name))


def steps_by_arm(root: Path) -> dict[str, int]:
    """Return each trained arm's number of steps at equal operations, counted on batches of the first world."""
    first = world(root, CHOOSING_WORLDS[0])
    flops = {arm.name: step_flops(Run(root, first, arm, LRS[0], STEPS, 0).settings) for arm in TRAINED}
    most = max(flops.values())
    return {name: round(STEPS * most / of_arm) for name, of_arm in flops.items()}


def choosing_runs(root: Path, steps: dict[str, int]) -> Iterator[tuple[Run, list[Arm]]]:
    """Yield the runs that choose, each with the arms to measure on it."""
    for arm in TRAINED:
        measured = [one for one in ARMS if trained_arm(one) == arm]
        for edition in CHOOSING_WORLDS:
            for lr in LRS:
                for seed in CHOOSING_SEEDS:
                    yield Run(root, world(root, edition), arm, lr, steps[arm.name], seed), measured


def confirming_runs(root: Path, plan: dict[str, ArmPlan]) -> Iterator[tuple[Run, list[Arm]]]:
    """Yield the planned runs, each with the arms to measure on it; the worlds' first seeds come first."""
    for seed in CONFIRMING_SEEDS:
        for edition in CONFIRMING_WORLDS:
            for arm in ARMS:
                if arm.share == 0 and seed != CONFIRMING_SEEDS[0]:
                    continue  # without training, the seed changes nothing
                of_arm = plan[arm.name]
                yield Run(root, world(root, edition), trained_arm(arm), of_arm.lr, of_arm.steps, seed), [arm]


def choose(results: Iterable[Result]) -> dict[str, ArmPlan]:
    """Return for each arm the learning rate and the alphas with the highest mean recall over the choosing worlds.

    The learning rate is the best for the sum of P0 and the best explained protocol, so that no arm is compared by a
    protocol that its rate was not chosen for.
    """
    by_arm: dict[str, list[Result]] = {}
    for result in results:
        by_arm.setdefault(result.arm, []).append(result)
    return {arm.name: _chosen(by_arm[arm.name]) for arm in ARMS}


def _chosen(results: list[Result]) -> ArmPlan:
    recalls: dict[float, dict[str, dict[float, list[float]]]] = {}
    gates: dict[float, list[float]] = {}
    for result in results:
        if result.measured.protocol == GATE:
            gates.setdefault(result.lr, []).append(result.measured.alpha)
            continue
        of_way = recalls.setdefault(result.lr, {}).setdefault(_way(result), {})
        of_way.setdefault(result.measured.alpha, []).append(result.measured.mean_recall)
    means = {
        lr: {way: {alpha: fmean(found) for alpha, found in of_way.items()} for way, of_way in of_lr.items()}
        for lr, of_lr in recalls.items()
    }

    def both(lr: float) -> float:
        return means[lr]["towers"][0.0] + max(max(of_way.values()) for of_way in means[lr].values())

    lr = max(means, key=both)
    alpha = {way: max(of_way, key=of_way.__getitem__) for way, of_way in means[lr].items()}
    steps = next(result.steps for result in results if result.lr == lr)
    return ArmPlan(lr=lr, steps=steps, alpha=alpha, gate=round(fmean(gates[lr]), 3))


def _way(result: Result) -> str:
    protocol = result.measured.protocol
    return protocol if protocol in ("both", "mmae") else "towers"


def write_plan(plan: dict[str, ArmPlan]) -> None:
    """Write PLAN, to be committed before the runs that it plans."""
    with written_whole(PLAN) as temporary:
        content = {name: arm.model_dump() for name, arm in plan.items()}
        temporary.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def read_plan() -> dict[str, ArmPlan]:
    """Read PLAN."""
    return {name: ArmPlan.model_validate(arm) for name, arm in load_yaml(PLAN).items()}
