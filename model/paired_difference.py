"""Two arms over several worlds and training seeds: how far apart they are, and how sure that is."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from model.bootstrap import interval
from model.comparison import Comparison
from model.errors import ModelError

_RESAMPLES = 2000


def paired_difference(ours: Mapping[tuple[int, int], Tensor], baseline: Mapping[tuple[int, int], Tensor]) -> Comparison:
    """Mean of `ours` less that of `baseline`, worlds weighing the same, with a 95 % interval.

    Args:
        ours, baseline: by world and training seed, what each query adds to a metric, (N of the world,) fp64.

    Resampled with replacement, the same for both arms: the seeds, and in each world the queries. The worlds are
    not: the interval speaks of these. Raises ModelError if the arms do not have the same runs and queries.
    """
    if {key: len(hits) for key, hits in ours.items()} != {key: len(hits) for key, hits in baseline.items()}:
        raise ModelError("the arms are not comparable: they were not measured in the same worlds with the same seeds")
    seeds = sorted({seed for _, seed in ours})
    worlds = sorted({world for world, _ in ours})
    tables = [
        torch.stack([ours[world, seed] - baseline[world, seed] for seed in seeds]).double().numpy() for world in worlds
    ]  # (seeds, N) each
    rng = np.random.default_rng(0)
    drawn = np.empty(_RESAMPLES)
    for number in range(_RESAMPLES):
        chosen = rng.integers(len(seeds), size=len(seeds))
        means = []
        for table in tables:
            queries = rng.integers(table.shape[1], size=table.shape[1])
            means.append(table[chosen].mean(axis=0)[queries].mean())
        drawn[number] = np.mean(means)
    low, high = interval(torch.from_numpy(drawn))
    return Comparison(float(np.mean([table.mean() for table in tables])), low, high)
