"""Comparison of training recipes on the demo world's validation split: `python -m benchmarks.recipes [--seeds 2]`.

Run `entityclip generate data_manifests/heraldry.yaml` first. Each recipe trains EntityCLIP for the demo's 240 steps
with several seeds, using the overrides in `BASE` and its own, and is judged by the best validation mean recall, which
also selects checkpoints in training. The test split is not used. A run takes about a minute on one core.
docs/training.md has the results.
"""

import argparse
import json
import tempfile
from pathlib import Path
from statistics import mean, stdev

from benchmarks.ablation.runs import CONFIG
from flows.arms import ARMS
from model.settings.load import load_settings
from model.training.loop import train

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


def main() -> None:
    """Train and print a table; append a line of JSON to `--out` after every run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=list(RECIPES), help="names of recipes")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/recipes.jsonl"), help="runs found there are not repeated"
    )
    given = parser.parse_args()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    found = _read(given.out)
    for seed in range(given.seeds):
        for name in given.only:
            if (name, seed) not in found:
                found[name, seed] = recall = _train([*BASE, *RECIPES[name], f"seed={seed}"])
                with given.out.open("a", encoding="utf-8") as file:
                    print(json.dumps({"recipe": name, "seed": seed, "val_mean_recall": recall}), file=file, flush=True)
    print("| recipe | validation mean recall, by seed | mean ± sd |\n|---|---|---|")
    for name in given.only:
        values = [found[name, seed] for seed in range(given.seeds)]
        spread = f" ± {stdev(values):.1f}" if len(values) > 1 else ""
        print(f"| {name} | {', '.join(f'{value:.1f}' for value in values)} | {mean(values):.1f}{spread} |")


def _train(overrides: list[str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        recall = train(load_settings(CONFIG, overrides), Path(folder) / "run").best_mean_recall
        assert recall is not None
        return recall


def _read(path: Path) -> dict[tuple[str, int], float]:
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {(line["recipe"], line["seed"]): line["val_mean_recall"] for line in lines}


if __name__ == "__main__":
    main()
