"""Percentile bootstrap intervals of retrieval metrics, computed from the queries' ranks alone.

Clusters (`model.evaluation.clusters`) are resampled with replacement: pairs that share an image or a caption are drawn
together, since an image with five captions is not five independent observations. If no two pairs share an image or a
caption, this is the plain bootstrap over pairs. The two queries of a pair, its image and its caption, stay together.
The intervals cover sampling of test pairs only, not the variation between training seeds.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from model.evaluation.metrics import CHOOSING, RECALLS, WAYS
from model.evaluation.retrieval import Ranks
from model.rng import seeded

LEVEL = 95  # percent
_CHUNK_VALUES = 2**22  # values per chunk of resamples: 32 MiB in fp64


def intervals(found: Ranks, clusters: Tensor, resamples: int = 1000) -> dict[str, Any] | None:
    """Return 95 % intervals [low, high] of mean recall, and of each metric of `summarise` in both directions.

    Args:
        found: ranks (N,) of the queries, possibly for only part of the split.
        clusters: (N,) int64, the cluster of each pair.

    Returns None for fewer than two clusters. The resampling is seeded, so the same ranks give the same intervals.
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
    for times in draws(count, resamples, width=len(members)):
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


def draws(count: int, resamples: int, *, width: int = 1) -> Iterator[Tensor]:
    """Yield fp64 tensors (b, count) that count how often each of b resamples contains each of the clusters.

    `width` is the number of values that the caller derives from one resample; it limits b.
    """
    generator = seeded(0, "bootstrap", 0)
    rows = max(1, _CHUNK_VALUES // max(count, width))
    for start in range(0, resamples, rows):
        chunk = [
            torch.randint(count, (count,), generator=generator).bincount(minlength=count)
            for _ in range(min(rows, resamples - start))
        ]
        yield torch.stack(chunk).double()


def interval(values: Tensor) -> list[float]:
    """Return [low, high], the middle 95 % of resampled values (B,)."""
    outside = (1 - LEVEL / 100) / 2
    low, high = values.quantile(torch.tensor([outside, 1 - outside], dtype=values.dtype)).tolist()
    return [low, high]


def _means_of(found: Ranks) -> tuple[list[tuple[str, str]], Tensor]:
    """Return (direction, metric) for each metric that is a mean over queries, and each query's values (N, metrics)."""
    columns: dict[tuple[str, str], Tensor] = {}
    for way in WAYS:
        values = getattr(found, way).double()
        columns |= {(way, f"R@{k}"): 100 * (values <= k).double() for k in RECALLS}
        columns |= {(way, "MeanR"): values, (way, "MRR"): 1 / values}
    return list(columns), torch.stack(list(columns.values()), dim=1)


def _medians(times: Tensor, values: Tensor) -> Tensor:
    """Return each resample's median (b,); `times` (b, N) counts each sorted value (N,) in it. See `metrics.median`."""
    places = times.cumsum(dim=1)
    total = places[:, -1]
    middles = torch.stack([(total - 1).div(2, rounding_mode="floor"), total.div(2, rounding_mode="floor")], dim=1)
    return values[torch.searchsorted(places, middles, right=True)].double().mean(dim=1)
