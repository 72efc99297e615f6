"""Examines shortcuts that solve MMAE and GI-ITM on the demo world: `python -m benchmarks.shortcuts`.

Run `entityclip generate data_manifests/heraldry.yaml` first. Trains EntityCLIP with the demo's settings, keeps the
state after every 30th step, and probes each state on pairs of the validation split (`model.method.probes`): MMAE's loss
with exchanged or removed explanations, GI-ITM's accuracy, and the gradient of each weighted term at the towers. Prints
tables and draws `docs/shortcuts.png`. docs/why_it_works_or_not.md has the results.
"""

import json
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import torch
import typer
from matplotlib.figure import Figure
from safetensors.torch import load_file

from benchmarks.ablation.runs import CONFIG
from entityclip.contract.atomic_files import write_json, written_whole
from flows.arms import ARMS
from model.clip.towers import load_towers
from model.data.dataset import TripleDataset
from model.data.loader import load_batches
from model.data.shards import read_split
from model.method.entityclip import EntityCLIP
from model.method.probes import copying, gradients_at_towers
from model.rng import seeded
from model.settings.load import load_settings
from model.settings.schema import TrainSettings
from model.tracking.run_log import read_log
from model.training.loop import train

_EVERY, _BATCHES = 30, 8


def probe(settings: TrainSettings, state: Path, batch_size: int) -> dict[str, Any]:
    """Probe a saved state and return the mean results over batches of the validation split."""
    towers = load_towers(settings.towers)
    model = EntityCLIP(towers.clip, settings.method)
    model.load_state_dict(load_file(state / "model.safetensors"))
    rows = read_split(settings.data.explanations, "val", statuses=settings.data.statuses)
    triples = TripleDataset(rows, towers, explanations=True, trim=True)
    sampler = triples.training_sampler(batch_size, seed=0)
    sampler.start = 1
    copied, gradients, accuracy = [], [], []
    for batch, _ in load_batches(triples, islice(sampler, _BATCHES)):
        with torch.no_grad():
            copied.append(copying(model, model.token_features(batch)))
            report = model(batch, generator=seeded(0, "probe")).report
        accuracy.append({name: float(value) for name, value in report.items() if name.startswith("itm_accuracy")})
        encode = partial(model.token_features, batch)
        gradients.append(gradients_at_towers(model, encode, batch.groups, seeded(0, "probe")))
    return {
        "chance": copied[0].chance,
        "mmae": _means([one.losses for one in copied]),
        "gradient": _means(gradients),
        "accuracy": _means(accuracy),
    }


def _means(found: list[dict[str, float]]) -> dict[str, float]:
    return {name: fmean(one[name] for one in found) for name in found[0]}


def draw(probes: dict[int, dict[str, Any]], path: Path) -> None:
    """Plot MMAE's loss, the gradients and GI-ITM's accuracy by step, in one panel each."""
    figure = Figure(figsize=(13, 4), layout="constrained")
    panels = figure.subplots(1, 3)
    steps = sorted(probes)
    for axes, part, label in zip(
        panels,
        ("mmae", "gradient", "accuracy"),
        ("L_vtc(V*, T*), nats", "length of the gradient at the towers", "GI-ITM: share of right answers"),
        strict=True,
    ):
        for name in probes[steps[0]][part]:
            values = [probes[step][part][name] for step in steps]
            curve = name.removeprefix("itm_accuracy").strip("_") or "all"
            axes.plot(steps, values, marker="o", markersize=3, label=curve)
        axes.set(xlabel="step", ylabel=label)
        axes.grid(alpha=0.25)
        axes.legend(frameon=False, fontsize="small")
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].axhline(probes[steps[0]]["chance"], color="black", linestyle=":", linewidth=0.8)
    panels[1].set_yscale("log")
    with written_whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)


def main(
    out: Annotated[Path, typer.Option(help="Folder for the run and probes.json.")] = Path("runs/shortcuts"),
    picture: Annotated[Path, typer.Option(help="PNG file to write.")] = Path("docs/shortcuts.png"),
    batch_size: Annotated[int, typer.Option(help="Number of pairs per probed batch.")] = 48,
    override: Annotated[
        list[str], typer.Option("--set", help="Training setting to change, such as optim.steps=4 (repeatable).")
    ] = [],  # noqa: B006
) -> None:
    """Train EntityCLIP, probe its saved states, print the tables and draw the plot."""
    torch.set_num_threads(1)
    keep = [*ARMS["entityclip"], f"checkpoint.every={_EVERY}", "checkpoint.keep=1000", "data.workers=0"]
    settings = load_settings(CONFIG, [*keep, *override])
    run = out / "run"
    if not (run / "train.json").exists():
        train(settings, run)
    states = {int(path.name.removeprefix("step-")): path for path in (run / "state").glob("step-*")}
    probes = {step: probe(settings, states[step], batch_size) for step in sorted(states)}
    last = [line["losses"] for line in read_log(run) if line["kind"] == "step"][-20:]
    training = {name: fmean(one[name] for one in last) for name in last[0]}
    write_json(out / "probes.json", {"probes": {str(step): one for step, one in probes.items()}, "training": training})
    for part in ("mmae", "gradient", "accuracy"):
        names = list(next(iter(probes.values()))[part])
        print(f"\n| step | {' | '.join(names)} |\n|---:|{'---:|' * len(names)}")
        for step, one in probes.items():
            print(f"| {step} | {' | '.join(f'{one[part][name]:.3f}' for name in names)} |")
    chance = next(iter(probes.values()))["chance"]
    print(f"\nMMAE loss at chance: {chance:.3f}; training losses at the end: {json.dumps(training)}")
    draw(probes, picture)


if __name__ == "__main__":
    typer.run(main)
