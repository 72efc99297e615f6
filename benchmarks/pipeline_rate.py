"""Measures the cost of the pipeline without an LLM: `python -m benchmarks.pipeline_rate --help`.

Three runs, each in its own process, use an engine that answers instantly. The first generates every row without
Prefect, the second generates every row with the real flow, and the third repeats the flow when all rows exist. Rates,
in rows per second, include planning but not Prefect's start. Peak memory excludes Prefect's temporary server and the
judge's process. `--profile` profiles the first flow run. docs/generation_performance.md has the results.
"""

import cProfile
import pstats
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Self
from unittest import mock

import typer

from benchmarks.measuring import JsonPath, Sizes, in_process, peak_mib, show_table, write_results
from benchmarks.synthetic_pairs import write_dataset
from pipeline.engines.base import Completion, Request

_WORDS = "statesman in a dark suit at the lectern beside his flag under grey sky".split()
_TEXTS = [" ".join(random.Random(seed).choices(_WORDS, k=58)) for seed in range(1000)]


class InstantEngine:
    """Engine whose answers have about 60 words, start with the name Angela, and depend only on the request's key."""

    name = "instant"
    version = "1"
    restarts = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def complete(self, requests: Iterable[Request]) -> Iterator[Completion]:
        for request in requests:
            text = f"Angela {_TEXTS[int(request.key, 16) % len(_TEXTS)]}."
            yield Completion(request.key, text, "stop", request.prompt_tokens, 61)


def run_flow(manifest: Path, *, profile: bool = False) -> dict[str, float]:
    """Generate with the flow in this process; return row counts, times in seconds and the peak RSS in MiB.

    `body_seconds` runs from opening the job to the last shard, and `flow_seconds` from opening the job to the end.
    """
    start = time.monotonic()
    from flows import generate
    from pipeline.generation import generate as generation

    moments: list[float] = []

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            moments.append(time.monotonic())
            return function(*arguments, **options)

        return call

    profiler = cProfile.Profile()
    with (
        mock.patch.object(generation, "engine_for", lambda job: InstantEngine()),
        mock.patch.object(generate, "open_job", timed(generate.open_job)),
        mock.patch.object(generate, "publish_explanations", timed(generate.publish_explanations)),
    ):
        if profile:
            profiler.enable()
        summary = generate.generate_explanations(manifest)
        profiler.disable()
    ended = time.monotonic()
    if profile:
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(12)
    return _costs(summary, moments[1] - moments[0], ended - moments[0], ended - start)


def run_loop(manifest: Path) -> dict[str, float]:
    """Generate without Prefect in this process; `flow_seconds` excludes opening the job and loading the tokenizer."""
    start = time.monotonic()
    from pipeline.generation.generate import generate
    from pipeline.job import open_job

    opened = time.monotonic()
    job = open_job(manifest)
    assert job.model.chat_template_digest
    began = time.monotonic()
    summary = generate(job, make_engine=InstantEngine)
    ended = time.monotonic()
    return _costs(summary, ended - opened, ended - began, ended - start)


def _costs(summary: Any, body: float, flow: float, process: float) -> dict[str, float]:
    seconds = {"body_seconds": body, "flow_seconds": flow, "process_seconds": process}
    return {"rows": summary.rows, "generated": summary.generated, **seconds, "peak_mib": peak_mib()}


def main(
    rows: Sizes = [10_000, 100_000],  # noqa: B006
    rows_per_shard: Annotated[int, typer.Option(help="Number of pairs per bucket (one shard of each split).")] = 2_500,
    check_images: Annotated[bool, typer.Option(help="Decode every pair's image before generation.")] = False,
    profile: Annotated[
        bool, typer.Option(help="Show the functions that take the most time in the first flow run.")
    ] = False,
    json_path: JsonPath = None,
) -> None:
    """Measure a run that generates every row, and a run for which all rows already exist."""
    results = []
    for count in rows:
        with tempfile.TemporaryDirectory() as folder:
            manifest = write_dataset(Path(folder), count, rows_per_shard=rows_per_shard, check_images=check_images)
            runs: dict[str, Callable[[Path], dict[str, float]]] = {
                "without Prefect": run_loop,
                "all made": partial(run_flow, profile=profile),
                "all there": run_flow,
            }
            for name, run in runs.items():
                if name == "all made":
                    shutil.rmtree(manifest.parent / "explanations")
                found = in_process(run, manifest)
                assert found["generated"] == (0 if name == "all there" else count), found
                rate = count / found["flow_seconds"]
                results.append({"pairs": count, "run": name, "rows_per_second": rate, **found})
    show_table(results)
    write_results(json_path, results)


if __name__ == "__main__":
    typer.run(main)
