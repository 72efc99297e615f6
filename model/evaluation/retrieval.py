"""Retrieval metrics: exact ranks in fp32, tile by tile, ties counted against us."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from model.errors import ModelError
from model.evaluation.clusters import Groups, cluster_labels

RECALLS = (1, 5, 10, 50, 100)
CHOOSING = (1, 5, 10)  # the recalls whose mean chooses a checkpoint
WAYS = ("image_to_text", "text_to_image")
_KEPT_BYTES = 256 << 20
_TILE = 1536  # rows and columns of scores held at once, at most: 9 MiB in fp32, so that counting finds them in a cache


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
        tile: rows and columns of scores that are held at once, at most.

    One matrix product serves both directions, and needs no N x N matrix: 2 N^2 D operations, 4 (3 D N + tile^2) bytes
    (tile^2 for each thread) and 256 MiB.
    Pairs are put in an order in which those that share an image or a caption are neighbours, so that right answers
    lie in few tiles; the scores to beat are taken from these first. All tiles have one shape (the last ones are
    filled up with zeros), as a BLAS may add in another order for another shape: so equal embeddings have equal scores
    wherever they stand, and a tie is a tie.

    Raises ModelError for embeddings that are not finite: no comparison with NaN holds, so they would rank first.
    """
    # a row's sum is finite if all of it is: embeddings are normalised, so none overflows
    if not all(bool(embeddings.float().sum(dim=1).isfinite().all()) for embeddings in (image, text)):
        raise ModelError("embeddings are not finite; the model's weights are broken")
    with torch.autocast(image.device.type, enabled=False):
        image_to_text, text_to_image = _ranks(image, text, groups, tile)
    return Ranks(image_to_text, text_to_image, _right_answers(groups))


def _ranks(image: Tensor, text: Tensor, groups: Groups, tile: int) -> list[Tensor]:
    """(N,) both ways."""
    clusters = cluster_labels(groups)
    order = clusters.argsort(stable=True)
    scores = _Scores(image, text, groups, order, _even_tile(len(order), tile))
    shared = _tiles_with_right_answers(clusters[order], scores.tile)

    with _side_by_side(image.device) as each:
        best = [torch.full((len(order),), float("-inf"), device=image.device) for _ in WAYS]
        wrong: dict[tuple[int, int], Tensor] = {}  # scores of the wrong answers of tiles that are needed again
        for (r, c), right, others in each(lambda at: (at, *_split(scores, *at)), sorted(shared)):
            for way, place in enumerate((scores.place(r), scores.place(c))):
                best[way][place] = torch.maximum(best[way][place], right[way])
            if len(wrong) < _KEPT_BYTES // (4 * scores.tile**2):
                wrong[r, c] = others

        better = [torch.zeros(len(order), dtype=torch.int64, device=image.device) for _ in WAYS]
        rows = range(scores.tiles)
        counted = each(lambda r: _better(scores, r, best, shared, wrong), rows)
        bar = tqdm(counted, desc="ranking", total=len(rows), unit="row of tiles", disable=None, leave=False)
        for r, (of_images, of_texts) in zip(rows, bar, strict=True):
            better[0][scores.place(r)] = of_images
            better[1] += of_texts
    return [(1 + count).cpu()[order.argsort()] for count in better]


@contextmanager
def _side_by_side(device: torch.device) -> Iterator[Callable[..., Iterable[Any]]]:
    """A `map` that uses each of torch's threads on a CPU for a tile of its own: its scores stay in that core's cache.

    One thread makes every product, as a BLAS may add in another order for another number of threads.
    """
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1:
        yield map
        return
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool.map
    finally:
        torch.set_num_threads(threads)


def _split(scores: "_Scores", r: int, c: int) -> tuple[list[Tensor], Tensor]:
    """The best score of a right answer of every row and column of a tile, (tile,) each; the tile without right ones."""
    found, right = scores.of(r, c), scores.right(r, c)
    answers = found.masked_fill(~right, float("-inf"))
    return [answers.amax(dim=1), answers.amax(dim=0)], found.masked_fill_(right, float("-inf"))


def _better(
    scores: "_Scores",
    r: int,
    best: list[Tensor],
    shared: set[tuple[int, int]],
    wrong: dict[tuple[int, int], Tensor],
) -> tuple[Tensor, Tensor]:
    """How many wrong answers score at least as high as `best`, within a row of tiles: (tile,) images, (N,) texts."""
    row = scores.place(r)
    of_images = torch.zeros_like(best[0][row], dtype=torch.int64)
    of_texts = torch.zeros_like(best[1], dtype=torch.int64)
    enough = np.empty((scores.tile, scores.tile), dtype=bool)  # one for all tiles
    for c in range(scores.tiles):
        column, found = scores.place(c), wrong.pop((r, c), None)
        if found is None:
            found = _split(scores, r, c)[1] if (r, c) in shared else scores.of(r, c)
        of_images += _count_at_least(found, best[0][row], 1, enough)
        of_texts[column] = _count_at_least(found, best[1][column], 0, enough)
        del found  # before the next is made, which then takes its place: new memory is slow to touch
    return of_images, of_texts


class _Scores:
    """Tiles of the (N, N) scores of images and texts, in an order."""

    def __init__(self, image: Tensor, text: Tensor, groups: Groups, order: Tensor, tile: int) -> None:
        self.count, self.tile = len(order), tile
        self.tiles = -(-self.count // tile)
        self._image, self._text = (_filled(embeddings, order, tile) for embeddings in (image, text))
        self._groups = [numbers[order].to(image.device) for numbers in (groups["image"], groups["caption"])]

    def place(self, number: int) -> slice:
        """The pairs of a row or column of tiles."""
        return slice(number * self.tile, min((number + 1) * self.tile, self.count))

    def of(self, r: int, c: int) -> Tensor:
        """Scores of a tile; of the last ones, without what they were filled up with."""
        rows, columns = (slice(number * self.tile, (number + 1) * self.tile) for number in (r, c))
        scores = product(self._image[rows], self._text[columns])
        return scores[: self.count - rows.start, : self.count - columns.start]

    def right(self, r: int, c: int) -> Tensor:
        """Which scores of a tile are those of right answers."""
        rows, columns = self.place(r), self.place(c)
        same_image, same_caption = (numbers[rows, None] == numbers[None, columns] for numbers in self._groups)
        return same_image | same_caption


def _tiles_with_right_answers(clusters: Tensor, tile: int) -> set[tuple[int, int]]:
    """All (row, column) whose clusters overlap: as these are sorted, the diagonal and perhaps some beside it."""
    first = clusters[::tile].tolist()
    last = [*clusters[tile - 1 :: tile].tolist(), int(clusters[-1])]
    found = set()
    for r in range(len(first)):
        c = r
        while c < len(first) and first[c] <= last[r]:
            found |= {(r, c), (c, r)}
            c += 1
    return found


def product(left: Tensor, right: Tensor) -> Tensor:
    """left @ right.T, (A, D) and (B, D) to (A, B), in true fp32.

    On a CPU as a 1 x 1 convolution over 16 rows of pixels: torch gives that to oneDNN, and a matrix product to MKL,
    which on AMD's processors leaves half of the vector units idle. (On a GPU a convolution would be TF32.)
    """
    if left.device.type != "cpu" or len(left) % 16:
        return left @ right.T
    pixels = left.view(16, 1, -1, left.shape[1]).permute(0, 3, 1, 2)
    filters = right.view(-1, 1, 1, right.shape[1]).permute(0, 3, 1, 2)
    return F.conv2d(pixels, filters).permute(0, 2, 3, 1).reshape(len(left), len(right))


def _count_at_least(scores: Tensor, least: Tensor, dim: int, enough: np.ndarray) -> Tensor:
    """int64: how many numbers of each row (dim 1) or column (dim 0) of a tile are at least that row's or column's.

    `enough` is memory to work in, of bool.
    """
    if scores.device.type != "cpu":
        return (scores >= least.unsqueeze(dim)).sum(dim=dim)
    # numpy compares twice as fast as torch and adds bytes ten times as fast
    rows, columns = scores.shape
    found = np.greater_equal(scores.numpy(), least.unsqueeze(dim).numpy(), out=enough[:rows, :columns]).view(np.uint8)
    return torch.from_numpy(found.sum(axis=dim, dtype=np.uint16).astype(np.int64))


def _even_tile(count: int, most: int) -> int:
    """The size of equal tiles, so that little is filled up: a multiple of 32, or `most` where that is less."""
    most = min(most, np.iinfo(np.uint16).max)  # what a count of a tile's row can hold
    tiles = -(-count // most)
    return min(_multiple(-(-count // tiles), 32), most)


def _multiple(count: int, of: int) -> int:
    return of * max(1, -(-count // of))


def _filled(embeddings: Tensor, order: Tensor, tile: int) -> Tensor:
    """The embeddings in order, in fp32, zeros after them up to a multiple of the tile."""
    count, width = embeddings.shape
    filled = torch.empty(_multiple(count, tile), width, device=embeddings.device)
    filled[count:] = 0
    torch.index_select(embeddings.float(), 0, order.to(embeddings.device), out=filled[:count])
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
