"""The comparison with explanations: its file of results, what is chosen from it, its intervals, and a small run."""

from dataclasses import replace
from math import sqrt
from pathlib import Path
from statistics import fmean, variance

import pytest
import torch
import torch.nn.functional as F

from benchmarks.ablation.worlds import World
from benchmarks.explained_search import plan as of
from benchmarks.explained_search.arms import ARMS, BETWEEN, CACHED, PLAIN, ArmPlan
from benchmarks.explained_search.complete import complete
from benchmarks.explained_search.protocols import GATE, KNOWN, UNKNOWN, by_knowledge, knows
from benchmarks.explained_search.results import ALL, Measured, Result, add_results, read_results
from benchmarks.explained_search.runs import Run, interpolate
from benchmarks.explained_search.table import Cell, interval
from benchmarks.explained_search.worlds import prepare_worlds
from model.checkpoints.checkpoint import load_trained_towers
from model.clip.towers import load_towers
from model.evaluation.clusters import Groups
from model.evaluation.embed import SplitEmbeddings
from model.evaluation.explained import agreement, fused, measured_with
from model.evaluation.explained_splits import Explained
from model.training.loop import train

_ONE = Measured("caption", 0.0, ALL, 41.25, 1.5, 30.0, 28.125)


def _result(arm=PLAIN.name, world=1, seed=0, lr=1e-3, **measured) -> Result:
    return Result(world, seed, arm, lr, 240, replace(_ONE, **measured))


def test_results_come_back_in_an_order_of_their_own(tmp_path):
    path = tmp_path / "results.csv"
    assert read_results(path) == []
    late = _result(seed=1, error=None, text_to_image=None)
    add_results(path, [late])
    add_results(path, [_result(protocol="explained", alpha=1.5), _result()])
    assert read_results(path) == [_result(), _result(protocol="explained", alpha=1.5), late]
    before = path.read_bytes()
    path.unlink()
    add_results(path, [_result(), late, _result(protocol="explained", alpha=1.5)])
    assert path.read_bytes() == before


def _by_weight(arm: str, lr: float, towers: dict[float, float], mmae: dict[float, float] | None = None) -> list[Result]:
    """Results of two worlds, the second 10 points lower."""
    found = []
    for world, less in ((1, 0.0), (3, 10.0)):
        for alpha, recall in towers.items():
            protocol = "explained" if alpha else "caption"
            found.append(_result(arm, world, lr=lr, protocol=protocol, alpha=alpha, mean_recall=recall - less))
        for alpha, recall in (mmae or {}).items():
            found.append(_result(arm, world, lr=lr, protocol="mmae", alpha=alpha, mean_recall=recall - less))
        found.append(_result(arm, world, lr=lr, protocol=GATE, alpha=0.2 + less / 100))
    return found


def test_the_plan_has_each_arms_best_rate_and_weights():
    results = []
    for arm in ARMS:
        results += _by_weight(arm.name, 1e-3, {0.0: 50.0, 1.0: 60.0, 2.0: 59.0})
        if arm == CACHED:
            results += _by_weight(arm.name, 2e-3, {0.0: 49.0, 1.0: 60.0, 2.0: 63.0}, {0.0: 52.0, 1.0: 70.0, 2.0: 66.0})
        else:
            results += _by_weight(arm.name, 2e-3, {0.0: 20.0, 1.0: 61.0, 2.0: 40.0})  # P0 counts as well
    plan = of.choose(results)
    assert plan[CACHED.name].lr == 2e-3 and plan[CACHED.name].alpha == {"towers": 2.0, "mmae": 1.0}
    assert plan[PLAIN.name].lr == 1e-3 and plan[PLAIN.name].alpha == {"towers": 1.0}
    assert plan[PLAIN.name].gate == 0.25


def test_a_plan_is_read_as_it_was_written(tmp_path, monkeypatch):
    monkeypatch.setattr(of, "PLAN", tmp_path / "plan.yaml")
    plan = {arm.name: ArmPlan(lr=1e-3, steps=7, alpha={"towers": 1.5}, gate=0.25) for arm in ARMS}
    of.write_plan(plan)
    assert of.read_plan() == plan
    runs = list(of.confirming_runs(Path("runs"), plan))
    untrained = [run for run, (arm,) in runs if arm.share == 0]
    assert len(untrained) == len(of.CONFIRMING_WORLDS)
    assert len(runs) == len(of.CONFIRMING_WORLDS) * (len(of.CONFIRMING_SEEDS) * (len(ARMS) - 1) + 1)
    assert not set(of.CONFIRMING_WORLDS) & {*of.CHOOSING_WORLDS, 2, 4, 5, 6, 8}  # worlds that nothing was seen of


def test_intervals_are_over_seeds_and_queries():
    means = {(1, 0): 50.0, (1, 1): 54.0, (2, 0): 30.0, (2, 1): 31.0}
    cell = Cell(means, dict.fromkeys(means, 2.0))
    half = 1.96 * sqrt(variance([50, 54]) / 2 + variance([30, 31]) / 2 + 2 * 2.0**2) / 2
    assert interval(cell) == pytest.approx((fmean(means.values()), 41.25 - half, 41.25 + half))
    base = Cell({(1, 0): 40.0, (2, 0): 20.0}, {(1, 0): 1.0, (2, 0): 1.0})  # a single seed: before training
    half = 1.96 * sqrt(variance([10, 14]) / 2 + variance([10, 11]) / 2 + 2 * (2.0**2 + 1)) / 2
    assert interval(cell, base) == pytest.approx((11.25, 11.25 - half, 11.25 + half))


def test_inventions_do_harm_that_the_gate_mends():
    """Captions that training taught lie near their explanations; the pictures show what both say."""
    generator = torch.Generator().manual_seed(0)
    count, width = 60, 16

    def noise(size: float) -> torch.Tensor:
        return size * F.normalize(torch.randn(count, width, generator=generator), dim=-1)

    anchors = noise(1.0)
    text = F.normalize(anchors + noise(0.9), dim=-1)
    image = F.normalize(text + anchors + noise(2.0), dim=-1)
    ids, apart = [f"p{n}" for n in range(count)], torch.arange(count)
    embeddings = SplitEmbeddings(image, text, ids, [None] * count, Groups(image=apart, caption=apart), {})
    split = Explained(embeddings, anchors, anchors.roll(1, 0), text)
    plan = ArmPlan(lr=1e-3, steps=1, alpha={"towers": 1.0}, gate=0.4)
    rows = list(by_knowledge(split, plan, {row_id: (n,) for n, row_id in enumerate(ids)}))
    found = {(row.protocol, row.pool): row for row in rows}
    of_half = {what: found[knows(0.5, what), ALL].mean_recall for what in ("caption", "declines", "invents")}
    assert of_half["invents"] < of_half["caption"] < of_half["declines"]
    assert found[knows(0.5, "invents, gated"), ALL].mean_recall > of_half["caption"]
    for what in ("caption", "declines"):  # text to image, as in the whole gallery both directions compete
        assert found[knows(0.25, what), UNKNOWN].text_to_image == found[knows(0.25, "caption"), UNKNOWN].text_to_image
    everything = agreement(text, anchors)
    assert found[knows(1.0, "invents, gated"), KNOWN].mean_recall == pytest.approx(
        measured_with(embeddings, fused(text, anchors * (everything >= 0.4)[:, None], 1.0))["mean_recall"]
    )


@pytest.fixture
def small_world(tmp_path) -> World:
    """World 1 with few houses; it has the shipped language model."""
    sizes = (("main_houses", 24), ("rare_houses", 6), ("test_per_house", 1), ("val_per_house", 1))
    world = World(1, tmp_path / "worlds" / "small", sizes)
    prepare_worlds([world], 1)
    return world


@pytest.mark.slow
def test_weights_between(tmp_path, small_world):
    run = Run(tmp_path, small_world, PLAIN, 1e-3, 3, 0)
    train(run.settings, run.folder)
    interpolate(run.folder, tmp_path / "between", 0.25)
    before = load_towers(run.settings.towers).clip.state_dict()
    after, between = (load_trained_towers(folder).clip.state_dict() for folder in (run.folder, tmp_path / "between"))
    for name, value in between.items():
        torch.testing.assert_close(value, before[name] + 0.25 * (after[name] - before[name]))


@pytest.mark.slow
def test_a_small_comparison_goes_on_from_its_file(tmp_path, small_world, monkeypatch):
    file = tmp_path / "results.csv"
    untrained = BETWEEN[0]
    work = [
        (Run(tmp_path, small_world, PLAIN, 1e-3, 3, 0), [PLAIN, untrained]),
        (Run(tmp_path, small_world, CACHED, 1e-3, 3, 0), [CACHED]),
    ]
    by_weight = complete(work, file, "val", None, 2)
    assert {result.arm for result in by_weight} == {PLAIN.name, untrained.name, CACHED.name}
    assert {r.measured.protocol for r in by_weight if r.arm == CACHED.name} == {
        "caption",
        "explained",
        "both",
        "mmae",
        GATE,
    }
    assert not list(tmp_path.glob("runs/*/*/*/seed-0"))  # the file has all of them

    confirmed = tmp_path / "confirmed.csv"
    weights = {"towers": 1.0, "both": 2.0, "mmae": 1.5}
    plan = {arm.name: ArmPlan(lr=1e-3, steps=3, alpha=weights, gate=0.2) for arm in ARMS}
    first = complete(work[:1], confirmed, "test", plan, 1)
    both = complete(work, confirmed, "test", plan, 2)
    assert [result for result in both if result.arm != CACHED.name] == first
    found = {(r.measured.protocol, r.measured.pool): r.measured for r in both if r.arm == CACHED.name}
    assert {pool for _, pool in found} == {ALL, "main", "rare", KNOWN, UNKNOWN}
    assert found["mmae", ALL].alpha == 1.5 and found["caption", ALL].alpha == 0
    assert found["explained", ALL].mean_recall > found["others", ALL].mean_recall
    assert not list(tmp_path.glob("runs/*/*/*/seed-0"))
