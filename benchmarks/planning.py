"""Measures time and memory of planning: `python -m benchmarks.planning --help`.

At the start of every run, planning reads the pairs, assigns keys and seeds, and writes the plan. Each size is
measured in its own process, after loading the tokenizer. docs/generation_performance.md has the results.
"""

import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.measuring import JsonPath, Sizes, in_process, peak_mib, show_table, write_results
from benchmarks.synthetic_pairs import write_dataset
from pipeline.generation.prepare import prepare
from pipeline.job import open_job


def plan_once(manifest: Path) -> dict[str, float]:
    """Plan in this process; return the number of pairs, the time in seconds, and memory and plan sizes in MiB."""
    job = open_job(manifest)
    assert job.model.chat_template_digest  # loads the tokenizer
    before = peak_mib()
    began = time.monotonic()
    plan = prepare(job)
    pairs, seconds = sum(plan.pairs.values()), time.monotonic() - began
    return {
        "pairs": pairs,
        "seconds": seconds,
        "us_per_pair": 1e6 * seconds / pairs,
        "peak_mib_before": before,
        "peak_mib": peak_mib(),
        "plan_mib": sum(path.stat().st_size for path in plan.folder.rglob("*.parquet")) / 2**20,
    }


def main(
    rows: Sizes = [10_000, 100_000, 1_000_000],  # noqa: B006
    rows_per_shard: Annotated[int, typer.Option(help="Number of pairs per bucket (one shard of each split).")] = 2_500,
    visualnews: Annotated[bool, typer.Option(help="Write the pairs in the format of VisualNews' data.json.")] = False,
    json_path: JsonPath = None,
) -> None:
    """Plan datasets of several sizes."""
    results = []
    for count in rows:
        with tempfile.TemporaryDirectory() as folder:
            manifest = write_dataset(Path(folder), count, rows_per_shard=rows_per_shard, visualnews=visualnews)
            results.append(in_process(plan_once, manifest))
    show_table(results)
    write_results(json_path, results)


if __name__ == "__main__":
    typer.run(main)
