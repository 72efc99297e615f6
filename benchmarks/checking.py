"""Measures time and memory of `entityclip check`: `python -m benchmarks.checking --help`.

The command runs in its own process, on pairs in the format of VisualNews' data.json. docs/check.md has the results.
"""

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.measuring import JsonPath, Sizes, run_command, show_table, write_results
from benchmarks.synthetic_pairs import visualnews_image, write_dataset


def check_once(rows: int, pictures: int, *, full: bool) -> dict[str, Any]:
    """Check `rows` pairs, where only the first `pictures` have images; return the findings, time and memory."""
    with tempfile.TemporaryDirectory() as folder:
        manifest = write_dataset(Path(folder), rows, rows_per_shard=2_500, visualnews=True, check_images=True)
        files = sorted((Path(folder) / "images").iterdir())
        for number in range(pictures):
            path = Path(folder) / visualnews_image(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.hardlink_to(files[number % len(files)])  # the dataset has only a few different pictures
        options = ["--json", "--probe", "0", *(["--full"] if full else [])]
        done = run_command("check", str(manifest), *options, accepted=(0, 2))
    report = json.loads(done.output)
    return {
        "pairs": sum(split["pairs"] for split in report["splits"].values()),
        "images": report["images"],
        "seconds": report["seconds"],
        "whole_process": done.seconds,
        "cpu": done.cpu_seconds,
        "peak_mib": done.peak_mib,
        "findings": {finding["code"]: finding["count"] for finding in report["findings"]},
    }


def main(
    rows: Sizes = [10_000, 100_000, 1_200_000],  # noqa: B006
    pictures: Annotated[
        int, typer.Option(help="Number of pairs that have an image (a JPEG of 400 x 300 pixels).")
    ] = 1_000,
    full: Annotated[bool, typer.Option("--full", help="Check all images.")] = False,
    json_path: JsonPath = None,
) -> None:
    """Check datasets of several sizes."""
    results = [check_once(count, min(pictures, count), full=full) for count in rows]
    numbers = ("whole_process", "cpu", "peak_mib")
    show_table({"pairs": one["pairs"], **one["seconds"], **{name: one[name] for name in numbers}} for one in results)
    write_results(json_path, results)


if __name__ == "__main__":
    typer.run(main)
