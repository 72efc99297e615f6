"""Which pairs of a split belong together: the same image, or the same caption, directly or through others."""

from typing import TypedDict

import torch
from torch import Tensor


class Groups(TypedDict):
    """Numbers (N,) that are equal where two pairs of a split have the same image, or the same caption."""

    image: Tensor
    caption: Tensor


def cluster_labels(groups: Groups) -> Tensor:
    """(N,) int64, 0 to C - 1: equal where a chain of shared images and captions joins two pairs.

    Labels count up by the first pair of a cluster. Pairs of different clusters have nothing in common, so clusters
    are what a bootstrap may draw independently, and all right answers of a query lie in its cluster.
    """
    labels = torch.arange(len(groups["image"]))
    members = [groups[name].unique(return_inverse=True)[1] for name in ("image", "caption")]
    while True:  # each round, the least label goes to all that share an image, then to all that share a caption
        before = labels
        for member in members:
            least = torch.full((len(labels),), len(labels)).scatter_reduce(0, member, labels, "amin")
            labels = least[member]
        labels = labels[labels]  # and on to the label's own label: chains are halved
        if torch.equal(labels, before):
            return labels.unique(return_inverse=True)[1]
