"""Paired comparison, with bootstrap intervals, of two runs on a test split, or of two arms over data sets and seeds."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from model.errors import ModelError
from model.evaluation.bootstrap import draws, interval
from model.evaluation.clusters import Groups, cluster_labels
from model.evaluation.metrics import CHOOSING
from model.evaluation.retrieval import Ranks
from model.evaluation.saved_ids import read_ids

_RESAMPLES = 2000


class Comparison(NamedTuple):
    """Difference in mean recall, in percentage points, with a 95 % paired bootstrap interval over the test pairs.

    The interval does not cover the variation between training seeds.
    """

    difference: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Return True if the interval excludes zero."""
        return self.low > 0 or self.high < 0


def paired_difference(ours: Mapping[tuple[int, int], Tensor], baseline: Mapping[tuple[int, int], Tensor]) -> Comparison:
    """Return the mean of `ours` minus the mean of `baseline`, weighting data sets equally, and its 95 % interval.

    Args:
        ours, baseline: contribution of each query to the metric (N,) fp64, by data set ("world") and training seed.

    Seeds and the queries within each world are resampled with replacement, identically for both arms. The worlds are
    not resampled. Raises ModelError if the arms differ in data sets, seeds or numbers of queries.
    """
    if {key: len(hits) for key, hits in ours.items()} != {key: len(hits) for key, hits in baseline.items()}:
        raise ModelError("the arms are not comparable: measure both of them on the same data sets with the same seeds")
    seeds = sorted({seed for _, seed in ours})
    worlds = sorted({world for world, _ in ours})
    tables = [
        torch.stack([ours[world, seed] - baseline[world, seed] for seed in seeds]).double().numpy() for world in worlds
    ]  # one (seeds, N) table per world
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


@dataclass(frozen=True)
class RunEmbeddings:
    """Embeddings (N, D) that `evaluate` saved for a run, and the ids of the pairs."""

    image: Tensor
    text: Tensor
    ids: list[str]


def load_embeddings(run: Path, split: str) -> RunEmbeddings:
    """Read a run's saved embeddings. Raises ModelError if the run was not evaluated on `split`."""
    path, again = run / f"{split}_embeddings.safetensors", f"entityclip evaluate {run} --split {split}"
    if not path.exists() or not (run / f"{split}_ids.json").exists():
        raise ModelError(f"{run} has no embeddings of split {split!r}; create them with: {again}")
    ids = read_ids(run, split)
    try:
        tensors = load_file(path)
        image, text = tensors["image"], tensors["text"]
    except (OSError, KeyError, SafetensorError) as error:
        raise ModelError(f"{path} cannot be read ({error}); recreate it with: {again}") from error
    if not image.ndim == text.ndim == 2 or not len(image) == len(text) == len(ids):
        raise ModelError(
            f"{path} does not have one row for each of the {len(ids)} ids in {split}_ids.json; "
            f"recreate both with: {again}"
        )
    return RunEmbeddings(image, text, ids)


def compare(ours: Ranks, baseline: Ranks, groups: Groups) -> Comparison:
    """Return the difference in mean recall between `ours` and `baseline`, evaluated on the same pairs.

    Each resample draws the same clusters of pairs (`model.evaluation.bootstrap`) for both runs.
    """
    difference = hits(ours) - hits(baseline)
    members = cluster_labels(groups)
    sums = torch.zeros(int(members.max()) + 1, 2, dtype=torch.float64)  # sum and count of differences
    sums.index_add_(0, members, torch.stack([difference, torch.ones_like(difference)], dim=1))
    totals = torch.cat([times @ sums for times in draws(len(sums), _RESAMPLES)])
    low, high = interval(totals[:, 0] / totals[:, 1])
    return Comparison(difference.mean().item(), low, high)


def hits(found: Ranks) -> Tensor:
    """Return each pair's contribution (N,) to mean recall, in percent, averaged over its image and caption queries."""
    each = [(one <= k).double() for one in (found.image_to_text, found.text_to_image) for k in CHOOSING]
    return 100 * torch.stack(each).mean(dim=0)
