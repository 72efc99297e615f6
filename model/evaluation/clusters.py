"""Clusters of the pairs of a split that share an image or a caption, directly or transitively."""

from typing import TypedDict

import torch
from torch import Tensor


class Groups(TypedDict):
    """Group numbers (N,), equal for pairs of a split with the same image, or the same caption."""

    image: Tensor
    caption: Tensor


def cluster_labels(groups: Groups) -> Tensor:
    """Return (N,) int64 labels, 0 to C - 1, of the connected components of pairs that share an image or a caption.

    Labels are numbered by the first pair of each cluster. Pairs in different clusters share nothing, so clusters can be
    resampled independently, and all correct answers to a query are in its own cluster.
    """
    labels = torch.arange(len(groups["image"]))
    members = [groups[name].unique(return_inverse=True)[1] for name in ("image", "caption")]
    while True:  # each round spreads the lowest label over shared images, then over shared captions
        before = labels
        for member in members:
            least = torch.full((len(labels),), len(labels)).scatter_reduce(0, member, labels, "amin")
            labels = least[member]
        labels = labels[labels]  # pointer jumping: halves the length of chains
        if torch.equal(labels, before):
            return labels.unique(return_inverse=True)[1]
