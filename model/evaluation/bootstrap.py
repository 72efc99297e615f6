"""How sure retrieval metrics are: percentile bootstrap over the queries of a split, from their ranks alone.

What is drawn, with replacement, are clusters (`model.evaluation.clusters`): pairs that share an image or a caption are
drawn together, or an image with five captions would count as five independent observations. Where no two pairs share
anything, this is the plain bootstrap over pairs. A pair's two queries, its image and its caption, stay together.
The intervals speak of these pairs only: another seed of the training moves the result too, and is not in them.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from model.evaluation.retrieval import CHOOSING, RECALLS, WAYS, Ranks
from model.rng import seeded

LEVEL = 95  # percent
RESAMPLES = 1000
_HELD = 2**22  # numbers of a chunk of resamples: 32 MiB in fp64


def intervals(found: Ranks, clusters: Tensor, resamples: int = RESAMPLES) -> dict[str, Any] | None:
    """95 % intervals [low, high] of mean recall and of all metrics both ways, under the names of `summarise`.

    Args:
        found: ranks of the queries (N,); those of a part of the split if only its queries count.
        clusters: (N,) int64, the cluster of each pair.

    None where there are fewer than two clusters, as then nothing can be said. Seeded: the same ranks give the same.
    """
    members = clusters.unique(return_inverse=True)[1]
    count = int(members.max()) + 1
    if count < 2:
        return None
    names, per_query = _means_of(found)
    sums = torch.zeros(count, len(names) + 1, dtype=torch.float64)
    sums.index_add_(0, members, torch.cat([per_query, torch.ones(len(members), 1, dtype=torch.float64)], dim=1))
    orders = [getattr(found, way).sort() for way in WAYS]
    drawn: dict[tuple[str, str], list[Tensor]] = {name: [] for name in [*names, *((way, "MedR") for way in WAYS)]}
    for times in draws(count, resamples, held=len(members)):
        totals = times @ sums
        for name, values in zip(names, (totals[:, :-1] / totals[:, -1:]).T, strict=True):
            drawn[name].append(values)
        for way, (values, order) in zip(WAYS, orders, strict=True):
            drawn[way, "MedR"].append(_medians(times[:, members[order]], values))
    ends = {name: interval(torch.cat(values)) for name, values in drawn.items()}
    recalls = [torch.cat(drawn[way, f"R@{k}"]) for way in WAYS for k in CHOOSING]
    return {
        "level": LEVEL,
        "resamples": resamples,
        "clusters": count,
        "mean_recall": interval(torch.stack(recalls).mean(dim=0)),
        **{way: {metric: ends[way, metric] for of, metric in ends if of == way} for way in WAYS},
    }


def draws(count: int, resamples: int, *, held: int = 1) -> Iterator[Tensor]:
    """How often each of `count` clusters is drawn: (b, count) fp64, a chunk of b resamples at a time.

    `held` says how many numbers the caller makes of a resample, so that chunks stay small.
    """
    generator = seeded(0, "bootstrap", 0)
    rows = max(1, _HELD // max(count, held))
    for start in range(0, resamples, rows):
        chunk = [
            torch.randint(count, (count,), generator=generator).bincount(minlength=count)
            for _ in range(min(rows, resamples - start))
        ]
        yield torch.stack(chunk).double()


def interval(values: Tensor) -> list[float]:
    """[low, high]: the middle 95 % of resampled values (B,)."""
    outside = (1 - LEVEL / 100) / 2
    low, high = values.quantile(torch.tensor([outside, 1 - outside], dtype=values.dtype)).tolist()
    return [low, high]


def _means_of(found: Ranks) -> tuple[list[tuple[str, str]], Tensor]:
    """Metrics that are means over queries, as (way, metric), and what each query adds to them (N, metrics) fp64."""
    columns: dict[tuple[str, str], Tensor] = {}
    for way in WAYS:
        values = getattr(found, way).double()
        columns |= {(way, f"R@{k}"): 100 * (values <= k).double() for k in RECALLS}
        columns |= {(way, "MeanR"): values, (way, "MRR"): 1 / values}
    return list(columns), torch.stack(list(columns.values()), dim=1)


def _medians(times: Tensor, values: Tensor) -> Tensor:
    """Medians (b,) of sorted values (N,), of which the i-th occurs times[:, i] times, as `retrieval.median` has it."""
    places = times.cumsum(dim=1)
    total = places[:, -1]
    middles = torch.stack([(total - 1).div(2, rounding_mode="floor"), total.div(2, rounding_mode="floor")], dim=1)
    return values[torch.searchsorted(places, middles, right=True)].double().mean(dim=1)
