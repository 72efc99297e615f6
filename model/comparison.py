"""Two trained runs on the same test pairs: how far apart they are, and how sure that is."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from model.errors import ModelError
from model.retrieval import RECALLS, Groups, ranks
from model.seeds import seeded

_RESAMPLES = 2000


@dataclass(frozen=True)
class RunEmbeddings:
    """What `evaluate` saved of a run: embeddings (N, D), and the pairs they belong to."""

    image: Tensor
    text: Tensor
    ids: list[str]


@dataclass(frozen=True)
class Comparison:
    """Difference in mean recall, in points, with a 95 % paired bootstrap interval over the test pairs.

    The interval speaks of these test pairs only: other seeds of the training would spread further.
    """

    difference: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


def load_embeddings(run: Path, split: str) -> RunEmbeddings:
    """Read a run's saved embeddings. Raises ModelError if it was not evaluated on that split."""
    try:
        tensors = load_file(run / f"{split}_embeddings.safetensors")
        ids = json.loads((run / f"{split}_ids.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(
            f"{run} has no embeddings of split {split!r}; make them with: entityclip evaluate {run}"
        ) from None
    return RunEmbeddings(tensors["image"], tensors["text"], ids)


def compare(ours: RunEmbeddings, baseline: RunEmbeddings, groups: Groups) -> Comparison:
    """Mean recall of `ours` less that of `baseline`, on the pairs both were evaluated on.

    Raises ModelError if those pairs are not the same.
    """
    if ours.ids != baseline.ids:
        raise ModelError("the runs were evaluated on different pairs; evaluate both on the same shards")
    difference = _hits(ours, groups) - _hits(baseline, groups)
    generator = seeded(0, "bootstrap", 0)
    count = len(difference)
    means = torch.stack(
        [difference[torch.randint(count, (count,), generator=generator)].mean() for _ in range(_RESAMPLES)]
    )
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=means.dtype)).tolist()
    return Comparison(difference.mean().item(), low, high)


def _hits(run: RunEmbeddings, groups: Groups) -> Tensor:
    """(N,) fp64: the mean of the six recalls of one pair, its image and its caption as queries, in percent."""
    both = [ranks(run.image, run.text, groups)[0], ranks(run.text, run.image, groups)[0]]
    hits = [(found <= k).double() for found in both for k in RECALLS]
    return 100 * torch.stack(hits).mean(dim=0)
