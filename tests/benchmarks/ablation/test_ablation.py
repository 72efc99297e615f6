"""A very small ablation, end to end; and its parts."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest

from benchmarks.ablation.arms import BOTH, BRIDGE, CONTROLS, PLAIN, Arm
from benchmarks.ablation.flow import ablate
from benchmarks.ablation.plan import FULL, HARDER, SIZES, Plan, Row, Size
from benchmarks.ablation.table import PoolResult, RowResult, as_csv, markdown, write_plot
from benchmarks.ablation.worlds import SHIPPED
from model.evaluation.compare import Comparison

TINY = Size(
    "tiny",
    editions=(1,),
    seeds=(0, 1),
    tuning_seeds=(7,),
    lrs=(1e-3, 1e-2),
    steps=3,
    arms=(
        PLAIN,
        BRIDGE,
        next(arm for arm in CONTROLS if arm.like == BRIDGE.name),
        Arm("oracle", BRIDGE.method, "oracle", like=BRIDGE.name),
    ),
    compute_arms=(PLAIN, BRIDGE),
    costliest=BRIDGE,
    other_checkpoint=None,
    world=(("main_houses", 24), ("rare_houses", 6), ("test_per_house", 1), ("val_per_house", 1)),
)


def test_plans_give_arms_the_same_budget():
    plan = Plan(Path("runs"), FULL, {arm.name: 3.0 if arm == BOTH else 2.0 for arm in FULL.arms})
    assert (
        plan.steps(Row(0, "steps", PLAIN))
        == plan.steps(Row(0, "steps", BOTH))
        == plan.steps(Row(0, "compute", BOTH))
        == 240
    )
    assert plan.steps(Row(0, "compute", PLAIN)) == 360
    assert len(plan.tuning()) == len({run.folder for run in plan.tuning()})
    of_row = plan.final(Row(0, "steps", BOTH), 1e-3)
    assert len(of_row) == len({run.folder for run in of_row.values()}) == 15
    assert all(run.stage == "final" and run.seed not in FULL.tuning_seeds for run in of_row.values())


def test_harder_worlds_have_language_models_of_their_own_and_the_topics_that_are_reported():
    plan = Plan(Path("runs"), HARDER)
    for world in plan.worlds:
        assert set(world.pools.values()) == set(HARDER.pools)
        assert world.llm == world.folder / "llama"
        options = dict(zip(world.llm_options[::2], world.llm_options[1::2], strict=True))
        assert options.items() >= {"--edition": str(world.edition), "--twins": "24", "--entities-max": "3"}.items()
    first, second, _ = Plan(Path("runs"), FULL).worlds
    assert first.llm == SHIPPED / "llama" and second.llm_options == ["--seed", "2", "--edition", "2"]
    assert replace(first, sizes=(("twin_houses", 2),)).llm != first.llm
    assert replace(first, sizes=(("unseen_houses", 2),)).llm == first.llm


def test_tables_report_the_pools_of_their_size(tmp_path):
    pools = ("main", "unseen", "two", "three")

    def row(arm: Arm, gain: Comparison | None) -> RowResult:
        found = {pool: PoolResult(10.0 + place, 1.0, gain) for place, pool in enumerate(pools)}
        return RowResult(Row(0, "steps", arm), 1e-3, 240, 6.0, 2, found)

    results = [row(PLAIN, None), row(BRIDGE, Comparison(3.0, 1.0, 5.0))]
    plain, bridge = csv.DictReader(io.StringIO(as_csv(results)))
    for place, pool in enumerate(pools):
        assert float(bridge[f"{pool}_mean_recall"]) == 10 + place
        assert (plain[f"{pool}_gain"], bridge[f"{pool}_gain"]) == ("", "3.0")
    header, _, first, _ = markdown(results).splitlines()[2:]
    assert (
        header.count("gain over plain CLIP") == 4 and "| unseen |" in header and header.count("|") == first.count("|")
    )
    write_plot(results, tmp_path / "table.png")
    assert (tmp_path / "table.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_small_ablation_of_a_harder_world_reports_its_topics(tmp_path, monkeypatch):
    world = (*TINY.world, ("test_per_house", 2), ("entities_max", 3), ("unseen_houses", 4), ("twin_houses", 4))
    of_harder = {"world": world, "pools": HARDER.pools, "explained": True}
    size = replace(TINY, seeds=(0,), tuning_seeds=(), arms=(PLAIN, BRIDGE), compute_arms=(), **of_harder)
    monkeypatch.setitem(SIZES, "harder", size)
    # A language model that knows other captions does for this, and need not be built.
    copytree(SHIPPED / "llama", Plan(tmp_path, size).worlds[0].llm)
    plain, bridge = ablate(tmp_path, "harder", workers=2)
    assert list(plain.pools) == list(bridge.pools) == list(HARDER.pools)
    assert {found.gain is None for found in plain.pools.values()} == {True}
    assert {found.gain is None for found in bridge.pools.values()} == {False}
    measured = json.loads(next(tmp_path.rglob("metrics.json")).read_text())["splits"]["test"]["by_topic"]
    assert set(measured) == set(HARDER.pools)
    assert measured["unseen"]["queries"] == 4 * 2

    by_caption, by_explanation, *of_bridge = csv.DictReader(io.StringIO((tmp_path / "tiny-explained.csv").read_text()))
    assert [row["arm"].rpartition("asked by ")[2] for row in (by_caption, by_explanation)] == ["caption", "explanation"]
    for pool in HARDER.pools:
        # Pictures of one house answer for each other; those of several houses have nothing like them.
        own, any_of_house = plain.pools[pool].mean, float(by_caption[f"{pool}_mean_recall"])
        assert any_of_house == pytest.approx(own) if pool in ("two", "three") else any_of_house > own - 1e-6
        assert by_caption[f"{pool}_gain"] == by_explanation[f"{pool}_gain"] == ""
    assert float(by_caption["rare_mean_recall"]) > plain.pools["rare"].mean
    # The CLIP knows shields in words and no name: after three steps, explanations still find what they tell.
    assert float(by_explanation["unseen_mean_recall"]) > float(by_caption["unseen_mean_recall"]) + 20
    assert {row["main_gain"] == "" for row in of_bridge} == {False}


@pytest.mark.slow
def test_a_small_ablation_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setitem(SIZES, "quick", TINY)
    results = ablate(tmp_path, "quick", workers=2)
    lines = list(csv.DictReader(io.StringIO((tmp_path / "tiny.csv").read_text())))
    assert [line["arm"] for line in lines] == [result.row.arm.name for result in results]
    plain, bridge, others, oracle, plain_longer, bridge_again = lines
    assert plain["main_gain"] == "" and bridge["main_gain"] != "" and others["lr"] == oracle["lr"] == bridge["lr"]
    assert float(plain_longer["GFLOP a step"]) == float(plain["GFLOP a step"]) < float(bridge["GFLOP a step"])
    assert int(plain_longer["steps"]) == round(3 * float(bridge["GFLOP a step"]) / float(plain["GFLOP a step"])) > 3
    assert bridge_again["steps"] == bridge["steps"] == "3" and {line["runs"] for line in lines} == {"2"}
    assert "| bridge only, others' explanations |" in (tmp_path / "tiny.md").read_text()
    assert (tmp_path / "tiny.png").read_bytes().startswith(b"\x89PNG")

    records = sorted(tmp_path.rglob("train.json"))
    tuned = [path for path in records if "/tune/" in str(path)]
    assert len(tuned) == 2 * 2 and len(records) == len(tuned) + 5 * 2  # arms, rates; rows that are not another's, seeds
    assert not any((path.parent / "metrics.json").exists() for path in tuned)  # they never see the test split
    best = max(
        (json.loads(path.read_text())["best_mean_recall"], path) for path in tuned if f"/{PLAIN.slug}/" in str(path)
    )
    assert f"lr-{float(plain['lr']):g}" in str(best[1])

    before = {path: path.stat().st_mtime_ns for path in records}
    records[-1].unlink()
    again = ablate(tmp_path, "quick", workers=2)
    assert [result.pools for result in again] == [result.pools for result in results]
    changed = [path for path, when in before.items() if path.stat().st_mtime_ns != when]
    assert changed == [records[-1]]
