"""Measures time and memory of ranking a split in both directions: `python -m benchmarks.evaluation --help`.

Compares our `model.evaluation.retrieval.ranks` with two other methods. The three alternate in one process on the same
embeddings:

- argsort per row, as in the authors' code: compute the full score matrix, sort each row, and look up the position of
  the correct answer;
- argsort of one row of scores at a time, which needs no full matrix in memory and is measured on a sample of rows.

The lower bound (floor) is the time to compute only the scores (2 N^2 D operations, once for both directions) at the
highest rate of fp32 matrix products measured in the same run. docs/performance.md has the results.
"""

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
import typer
from torch import Tensor

from benchmarks.measuring import JsonPath, in_process, median_and_range, peak_mib, show_table, write_results
from model.evaluation.clusters import Groups
from model.evaluation.retrieval import product, ranks


def embeddings(pairs: int, width: int) -> tuple[Tensor, Tensor]:
    """Return normalised image and text embeddings (N, D). Each text embedding is a noisy copy of an image embedding."""
    generator = torch.Generator().manual_seed(0)
    image = F.normalize(torch.randn(pairs, width, generator=generator), dim=-1)
    text = torch.randn(pairs, width, generator=generator).mul_(6 / width**0.5).add_(image)
    return image, F.normalize(text, dim=-1)


def ours(image: Tensor, text: Tensor) -> list[np.ndarray]:
    """Return the ranks computed by our code: one array of shape (N,) for each direction."""
    alone = torch.arange(len(image))
    found = ranks(image, text, Groups(image=alone, caption=alone))
    return [found.image_to_text.numpy(), found.text_to_image.numpy()]


def argsort_rows(image: Tensor, text: Tensor) -> list[np.ndarray]:
    """Return the same ranks as `ours`, by sorting each row of the full score matrix."""
    found = []
    for queries, gallery in ((image, text), (text, image)):
        scores = (queries @ gallery.T).numpy()
        places = [np.where(np.argsort(of_query)[::-1] == row)[0][0] for row, of_query in enumerate(scores)]
        found.append(1 + np.array(places))
    return found


def argsort_single_rows(image: Tensor, text: Tensor, sample: int) -> list[np.ndarray]:
    """Return the ranks of `sample` queries in each direction, computing one row of scores at a time."""
    found = []
    for queries, gallery in ((image, text), (text, image)):
        rows = np.linspace(0, len(queries) - 1, sample).astype(int).tolist()
        places = [np.where(np.argsort((gallery @ queries[row]).numpy())[::-1] == row)[0][0] for row in rows]
        found.append(1 + np.array(places))
    return found


def multiply_rate(width: int) -> dict[str, float]:
    """Return the fp32 operations per second (best of 30) of torch's `mm` and our `product` on (1024, D) matrices."""
    left, right = (torch.randn(1024, width) for _ in range(2))
    work = 2 * 1024 * 1024 * width
    ways: dict[str, Callable[[], Tensor]] = {"mm": lambda: left @ right.T, "product": lambda: product(left, right)}
    return {name: work / min(_timed(multiply).seconds for _ in range(30)) for name, multiply in ways.items()}


def measure(pairs: int, width: int, rounds: int, sample: int) -> dict[str, Any]:
    """Measure each method's wall time, and its CPU time over all threads. The methods alternate."""
    image, text = embeddings(pairs, width)
    ours(image[:2000], text[:2000])  # warms up the code before measuring
    times: dict[str, list[_Timed]] = {"ours": [], "argsort": [], "argsort, row by row": []}
    rates: list[dict[str, float]] = []
    sample = min(sample, pairs)
    for _ in range(rounds):
        rates.append(multiply_rate(width))
        times["ours"].append(_timed(lambda: ours(image, text)))
        times["argsort"].append(_timed(lambda: argsort_rows(image, text)))
        part = _timed(lambda: argsort_single_rows(image, text, sample))
        whole = pairs / sample
        times["argsort, row by row"].append(_Timed(part.seconds * whole, part.cpu_seconds * whole, None))
        rates.append(multiply_rate(width))
    both = (times[name][-1].result for name in ("ours", "argsort"))
    rate = {name: max(one[name] for one in rates) for name in rates[0]}
    return {
        "pairs": pairs,
        "width": width,
        "threads": torch.get_num_threads(),
        "rounds": rounds,
        "seconds": {name: [one.seconds for one in values] for name, values in times.items()},
        "cpu_seconds": {name: [one.cpu_seconds for one in values] for name, values in times.items()},
        "gflops": {name: value / 1e9 for name, value in rate.items()},
        "floor_seconds": 2 * pairs**2 * width / max(rate.values()),
        "different_ranks": sum(int((a != b).sum()) for a, b in zip(*both, strict=True)),
        "sampled_rows": sample,
    }


def measure_alone(pairs: int, width: int, threads: int) -> dict[str, float]:
    """Rank with only our code in this process; return times in seconds, and the peak RSS before and after, in MiB."""
    torch.set_num_threads(threads)
    image, text = embeddings(pairs, width)
    before = peak_mib()
    took = _timed(lambda: ours(image, text))
    times = {"seconds": took.seconds, "cpu_seconds": took.cpu_seconds}
    return {"pairs": pairs, **times, "peak_mib_before": before, "peak_mib": peak_mib()}


class _Timed(NamedTuple):
    seconds: float
    cpu_seconds: float
    result: Any


def _timed(call: Callable[[], Any]) -> _Timed:
    began, began_cpu = time.perf_counter(), time.process_time()
    result = call()
    return _Timed(time.perf_counter() - began, time.process_time() - began_cpu, result)


def main(
    pairs: Annotated[list[int], typer.Option(help="Number of pairs to rank (repeatable).")] = [5_000, 20_000],  # noqa: B006
    width: Annotated[int, typer.Option(help="Width D of the embeddings.")] = 512,
    threads: Annotated[int, typer.Option(help="Number of torch threads.")] = 2,
    rounds: Annotated[int, typer.Option(help="Number of measurements of each method.")] = 3,
    sample: Annotated[int, typer.Option(help="Number of rows per direction for the row-by-row method.")] = 500,
    alone: Annotated[list[int], typer.Option(help="Number of pairs to rank with our method alone (repeatable).")] = [],  # noqa: B006
    json_path: JsonPath = None,
) -> None:
    """Rank synthetic embeddings in both directions, and compare our code with sorting every row."""
    torch.set_num_threads(threads)
    results = {
        "alone": [in_process(measure_alone, count, width, threads) for count in alone],
        "compared": [measure(count, width, rounds, sample) for count in pairs],
    }
    show_table(results["alone"], "ours, alone in its process")
    for found in results["compared"]:
        show_table(_rows(found), f"{found['pairs']:,} pairs, {threads} threads")
        rates = ", ".join(f"{value:.0f} by {name}" for name, value in found["gflops"].items())
        print(f"fp32 GFLOP/s: {rates}; ranks that differ from argsort's: {found['different_ranks']}")
    write_results(json_path, results)


def _rows(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    wall, cpu = found["seconds"], found["cpu_seconds"]
    for name in wall:
        yield {
            "method": name,
            "s": median_and_range(wall[name]),
            "to ours": _ratio(wall[name], wall["ours"]),
            "to the floor": median(wall[name]) / found["floor_seconds"],
            "CPU s": median(cpu[name]),
            "CPU to ours": _ratio(cpu[name], cpu["ours"]),
        }


def _ratio(one: list[float], other: list[float]) -> float:
    """Return the median over the rounds of the ratio between two measurements."""
    return median(a / b for a, b in zip(one, other, strict=True))


if __name__ == "__main__":
    typer.run(main)
