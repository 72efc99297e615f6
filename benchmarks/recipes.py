"""Compares training recipes on the demo world's validation split: `python -m benchmarks.recipes [--seeds 2]`.

Run `entityclip generate data_manifests/heraldry.yaml` first. Each recipe trains EntityCLIP for the demo's 240 steps
with several seeds, using the overrides in `BASE` and those of the recipe. It is judged by the best validation mean
recall, which also selects checkpoints. The test split is not used. A run takes about a minute on one core.
docs/training.md has the results.
"""

import json
import tempfile
from pathlib import Path
from statistics import mean, stdev
from typing import Annotated

import typer

from benchmarks.ablation.runs import CONFIG
from flows.arms import ARMS
from model.settings.load import load_settings
from model.training.loop import train

_OUT = Path("runs/recipes.jsonl")
BASE = [
    *ARMS["entityclip"],
    "optim.lr=1e-3",
    "optim.new_lr=1e-3",
    "optim.warmup=0.1",
    "optim.weight_decay=0.01",
    "optim.clip_norm=null",
]
RECIPES: dict[str, list[str]] = {
    "base": [],
    "lr 5e-4": ["optim.lr=5e-4"],
    "lr 2e-3": ["optim.lr=2e-3"],
    "new_lr 1e-4": ["optim.new_lr=1e-4"],
    "new_lr 3e-3": ["optim.new_lr=3e-3"],
    "no weight decay": ["optim.weight_decay=0"],
    "weight decay 0.2": ["optim.weight_decay=0.2"],
    "no warm-up": ["optim.warmup=0"],
    "warm-up 0.3": ["optim.warmup=0.3"],
    "warm-up 0.5": ["optim.warmup=0.5"],
    "clipped to 1": ["optim.clip_norm=1"],
    "warm-up 0.3, clipped to 1": ["optim.warmup=0.3", "optim.clip_norm=1"],
    "warm-up 0.5, clipped to 1": ["optim.warmup=0.5", "optim.clip_norm=1"],
    "warm-up 0.3, clipped to 0.3": ["optim.warmup=0.3", "optim.clip_norm=0.3"],
    "warm-up 0.3, clipped to 1, lr 2e-3": ["optim.warmup=0.3", "optim.clip_norm=1", "optim.lr=2e-3"],
}


def main(
    seeds: Annotated[int, typer.Option(min=1, help="Number of training seeds per recipe.")] = 2,
    only: Annotated[list[str] | None, typer.Option(help="Name of a recipe to run (repeatable). Default: all.")] = None,
    out: Annotated[Path, typer.Option(help="JSON Lines file. Runs found there are not repeated.")] = _OUT,
) -> None:
    """Train with each recipe and print a table; append a line of JSON to `--out` after every run."""
    out.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()] if out.exists() else []
    found = {(line["recipe"], line["seed"]): line["val_mean_recall"] for line in lines}
    for seed in range(seeds):
        for name in only or RECIPES:
            if (name, seed) not in found:
                found[name, seed] = recall = _train([*BASE, *RECIPES[name], f"seed={seed}"])
                with out.open("a", encoding="utf-8") as file:
                    print(json.dumps({"recipe": name, "seed": seed, "val_mean_recall": recall}), file=file, flush=True)
    print("| recipe | validation mean recall, by seed | mean ± sd |\n|---|---|---|")
    for name in only or RECIPES:
        values = [found[name, seed] for seed in range(seeds)]
        spread = f" ± {stdev(values):.1f}" if len(values) > 1 else ""
        print(f"| {name} | {', '.join(f'{value:.1f}' for value in values)} | {mean(values):.1f}{spread} |")


def _train(overrides: list[str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        recall = train(load_settings(CONFIG, overrides), Path(folder) / "run").best_mean_recall
        assert recall is not None
        return recall


if __name__ == "__main__":
    typer.run(main)
