"""Retrieval metrics: exact ranks in fp32, tile by tile, ties counted against us."""

from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from model.clusters import Groups, cluster_labels
from model.errors import ModelError

RECALLS = (1, 5, 10, 50, 100)
CHOOSING = (1, 5, 10)  # the recalls whose mean chooses a checkpoint
WAYS = ("image_to_text", "text_to_image")
_TILE = 1024  # rows and columns of scores held at once: 4 MiB in fp32, so that counting finds them in the cache


class Ranks(NamedTuple):
    """Rank of the best right answer of every query, and how many right answers it has; (N,) int64 each."""

    image_to_text: Tensor
    text_to_image: Tensor
    right_answers: Tensor


def ranks(image: Tensor, text: Tensor, groups: Groups, *, tile: int = _TILE) -> Ranks:
    """Rank of the best right answer for every query: 1 + the number of wrong answers that score as high.

    Args:
        image, text: (N, D) embeddings, normalised; row i of both belongs to pair i. The whole split is the gallery.
        groups: a pair's answer is also right for another pair with the same image or the same caption.
        tile: rows and columns of scores that are held at once.

    One matrix product serves both directions, and needs no N x N matrix: 2 N^2 D operations, 4 (3 D N + tile^2) bytes.
    Pairs are put in an order in which those that share an image or a caption are neighbours, so that right answers
    lie in few tiles; the scores to beat are taken from these first. All tiles have one shape (the last ones are
    filled up with zeros), as a BLAS may add in another order for another shape: so equal embeddings have equal scores
    wherever they stand, and a tie is a tie.

    Raises ModelError for embeddings that are not finite: no comparison with NaN holds, so they would rank first.
    """
    count = len(image)
    if not (bool(image.isfinite().all()) and bool(text.isfinite().all())):
        raise ModelError("embeddings are not finite; the model's weights are broken")
    labels = cluster_labels(groups)
    order = labels.argsort(stable=True)
    tile = min(tile, _multiple(count, 64))
    scores = _Scores(
        _filled(image, order, tile),
        _filled(text, order, tile),
        groups["image"][order].to(image.device),
        groups["caption"][order].to(image.device),
        tile,
    )
    cluster = labels[order]
    first, last = cluster[::tile].tolist(), [int(cluster[min(end, count) - 1]) for end in _ends(count, tile)]
    shared = {
        (r, c) for r in range(len(first)) for c in _overlapping(first, last, r)
    }  # tiles that may hold right answers; all others hold none

    best = [torch.full((count,), float("-inf"), device=image.device) for _ in WAYS]
    for r, c in sorted(shared):
        found, right = scores.of(r, c), scores.right(r, c)
        found = found.masked_fill(~right, float("-inf"))
        for way, place in enumerate((scores.place(r), scores.place(c))):
            best[way][place] = torch.maximum(best[way][place], found.amax(dim=1 - way))

    better = [torch.zeros(count, dtype=torch.int64, device=image.device) for _ in WAYS]
    for r in tqdm(range(len(first)), desc="ranking", unit="row of tiles", disable=None, leave=False):
        for c in range(len(first)):
            found = scores.of(r, c)
            for way, place in enumerate((scores.place(r), scores.place(c))):
                beaten = found >= best[way][place].unsqueeze(1 - way)
                if (r, c) in shared:
                    beaten &= ~scores.right(r, c)
                better[way][place] += beaten.sum(dim=1 - way)
    image_to_text, text_to_image = ((1 + counted).cpu()[order.argsort()] for counted in better)
    return Ranks(image_to_text, text_to_image, _right_answers(groups))


class _Scores(NamedTuple):
    """Tiles of the (N, N) scores of images and texts, in clustered order."""

    image: Tensor  # (M, D), M the next multiple of the tile
    text: Tensor
    image_group: Tensor  # (N,)
    caption_group: Tensor
    tile: int

    def place(self, number: int) -> slice:
        """The pairs of a row or column of tiles."""
        return slice(number * self.tile, min((number + 1) * self.tile, len(self.image_group)))

    def of(self, r: int, c: int) -> Tensor:
        """Scores of a tile; of the last ones, without what they were filled up with."""
        rows, columns = (slice(number * self.tile, (number + 1) * self.tile) for number in (r, c))
        found = self.image[rows] @ self.text[columns].T
        return found[: len(self.image_group) - rows.start, : len(self.image_group) - columns.start]

    def right(self, r: int, c: int) -> Tensor:
        """Which scores of a tile are those of right answers."""
        rows, columns = self.place(r), self.place(c)
        right = self.image_group[rows, None] == self.image_group[None, columns]
        return right | (self.caption_group[rows, None] == self.caption_group[None, columns])


def _multiple(count: int, of: int) -> int:
    return of * max(1, -(-count // of))


def _ends(count: int, tile: int) -> range:
    return range(tile, _multiple(count, tile) + 1, tile)


def _overlapping(first: list[int], last: list[int], row: int) -> list[int]:
    """Tiles whose clusters, which are sorted, overlap with those of a tile: its neighbours."""
    low = row
    while low > 0 and last[low - 1] >= first[row]:
        low -= 1
    high = row
    while high + 1 < len(first) and first[high + 1] <= last[row]:
        high += 1
    return list(range(low, high + 1))


def _filled(embeddings: Tensor, order: Tensor, tile: int) -> Tensor:
    """The embeddings in order, in fp32, zeros after them up to a multiple of the tile."""
    count, width = embeddings.shape
    filled = torch.zeros(_multiple(count, tile), width, device=embeddings.device)
    filled[:count] = embeddings[order.to(embeddings.device)]
    return filled


def _right_answers(groups: Groups) -> Tensor:
    """(N,): pairs with the same image, and with the same caption, less those with both."""
    image, caption = groups["image"], groups["caption"]
    _, both = torch.stack([image, caption], dim=1).unique(dim=0, return_inverse=True)
    members = [group.unique(return_inverse=True)[1] for group in (image, caption, both)]
    of_image, of_caption, of_both = (member.bincount()[member] for member in members)
    return of_image + of_caption - of_both


def summarise(query_ranks: Tensor) -> dict[str, float]:
    """R@K in percent, median and mean rank (MedR, MeanR), mean reciprocal rank (MRR, 0 to 1) of ranks (N,)."""
    values = query_ranks.double()
    metrics = {f"R@{k}": 100 * float((values <= k).double().mean()) for k in RECALLS}
    return {**metrics, "MedR": median(values), "MeanR": float(values.mean()), "MRR": float((1 / values).mean())}


def median(values: Tensor) -> float:
    """The middle of values (N,), or the mean of the two in the middle; torch's own quantile refuses many values."""
    ordered = values.sort().values
    return float(ordered[(len(values) - 1) // 2] + ordered[len(values) // 2]) / 2


def by_chance(right_answers: Tensor, gallery: int) -> dict[str, float]:
    """What `summarise` expects of a random order (without MedR), given how many right answers (N,) each query has.

    The first of r right answers among M lies beyond place k with probability prod_{t<k} (M - r - t) / (M - t). Only
    wrong answers stand before it, so its place is its rank.
    """
    beyond = torch.zeros(gallery + 1, dtype=torch.float64)  # [k]: share of queries with a rank above k
    places = torch.arange(gallery, dtype=torch.float64)
    for right, queries in zip(*(found.tolist() for found in right_answers.unique(return_counts=True)), strict=True):
        missed = ((gallery - right - places) / (gallery - places)).clamp(min=0).cumprod(0)
        beyond += queries / len(right_answers) * torch.cat([torch.ones(1, dtype=torch.float64), missed])
    metrics = {f"R@{k}": 100 * float(1 - beyond[min(k, gallery)]) for k in RECALLS}
    at = beyond[:-1] - beyond[1:]
    return {**metrics, "MeanR": float(beyond[:-1].sum()), "MRR": float((at / (1 + places)).sum())}


def mean_recall(image_to_text: dict[str, float], text_to_image: dict[str, float]) -> float:
    """Mean of R@1, R@5 and R@10 both ways, in percent: the number by which a checkpoint is chosen."""
    recalls = [metrics[f"R@{k}"] for metrics in (image_to_text, text_to_image) for k in CHOOSING]
    return sum(recalls) / len(recalls)
