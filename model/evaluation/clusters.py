"""Clusters of pairs in a split that share an image or a caption, directly or transitively."""

from typing import TypedDict

import torch
from torch import Tensor


class Groups(TypedDict):
    """Group numbers (N,) of N pairs: pairs with the same image have the same `image` number; likewise for `caption`."""

    image: Tensor
    caption: Tensor


def cluster_labels(groups: Groups) -> Tensor:
    """Return the cluster number, 0 to C - 1, of each pair, (N,) int64. A shared image or caption links two pairs.

    Clusters are numbered in the order of their first pairs. Pairs in different clusters share no image or caption, so
    clusters can be resampled independently, and all correct answers to a query are in its own cluster.
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
