"""Exact retrieval ranks in fp32, computed tile by tile, with ties counted against the model."""

from bisect import bisect_right
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
from model.evaluation.metrics import WAYS

_KEPT_BYTES = 256 << 20
_TILE = 1536  # maximum rows and columns of scores held at once: 9 MiB in fp32, which fits a CPU cache


class Ranks(NamedTuple):
    """Rank of each query's best correct answer in both directions, and number of its correct answers; (N,) int64."""

    image_to_text: Tensor
    text_to_image: Tensor
    right_answers: Tensor


def ranks(image: Tensor, text: Tensor, groups: Groups, *, tile: int = _TILE) -> Ranks:
    """Rank each query's best-scoring correct answer: 1 + the number of wrong answers that score at least as high.

    Args:
        image, text: (N, D) normalised embeddings; row i of both belongs to pair i. The whole split is the gallery.
        groups: image and caption groups; an answer is also correct for other pairs with the same image or caption.
        tile: maximum rows and columns of scores held at once.

    One matrix product serves both directions without an N x N matrix: 2 N^2 D operations and 4 (3 D N + tile^2) bytes
    (tile^2 per thread) plus 256 MiB. Pairs are sorted so that those sharing an image or a caption are adjacent; correct
    answers are then in few tiles, which are scored first because the other scores are compared with them. All tiles
    have the same shape (the last ones are zero-padded), because BLAS may sum in a different order for a different
    shape. Equal embeddings thus get equal scores in any position, and ties are exact.

    Raises ModelError if embeddings are not finite: comparisons with NaN are false, so NaN scores would rank first.
    """
    # normalised rows cannot overflow, so a row's sum is finite if and only if all its values are
    if not all(bool(embeddings.float().sum(dim=1).isfinite().all()) for embeddings in (image, text)):
        raise ModelError("the embeddings contain NaN or infinite values; the model's weights are damaged")
    with torch.autocast(image.device.type, enabled=False):
        image_to_text, text_to_image = _ranks(image, text, groups, tile)
    return Ranks(image_to_text, text_to_image, _right_answers(groups))


def _ranks(image: Tensor, text: Tensor, groups: Groups, tile: int) -> list[Tensor]:
    """Return the ranks in both directions, (N,) each."""
    clusters = cluster_labels(groups)
    order = clusters.argsort(stable=True)
    scores = _Scores(image, text, groups, order, _even_tile(len(order), tile))
    shared = _tiles_with_right_answers(clusters[order], scores.tile)

    with _side_by_side(image.device) as each:
        best = [torch.full((len(order),), float("-inf"), device=image.device) for _ in WAYS]
        wrong: dict[tuple[int, int], Tensor] = {}  # masked tiles, cached for the second pass
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
    """Yield a `map` that processes one tile per torch CPU thread, so that a tile's scores stay in one core's cache.

    Each product runs in one thread, because BLAS may sum in a different order with a different number of threads.
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
    """Return the best correct score in each row and column of a tile, and the tile with all correct scores masked."""
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
    """For each query in a row of tiles, count the wrong candidates whose score is at least `best`.

    Returns counts of shape (tile,) for image queries and (N,) for text queries.
    """
    row = scores.place(r)
    of_images = torch.zeros_like(best[0][row], dtype=torch.int64)
    of_texts = torch.zeros_like(best[1], dtype=torch.int64)
    enough = np.empty((scores.tile, scores.tile), dtype=bool)  # reused for all tiles
    for c in range(scores.tiles):
        column, found = scores.place(c), wrong.pop((r, c), None)
        if found is None:
            found = _split(scores, r, c)[1] if (r, c) in shared else scores.of(r, c)
        of_images += _count_at_least(found, best[0][row], 1, enough)
        of_texts[column] = _count_at_least(found, best[1][column], 0, enough)
        del found  # the next tile then reuses this memory; fresh pages are slow
    return of_images, of_texts


class _Scores:
    """Tiles of the (N, N) matrix of image-text scores, with the pairs sorted by `order`."""

    def __init__(self, image: Tensor, text: Tensor, groups: Groups, order: Tensor, tile: int) -> None:
        self.count, self.tile = len(order), tile
        self.tiles = -(-self.count // tile)
        self._image, self._text = (_filled(embeddings, order, tile) for embeddings in (image, text))
        self._groups = [numbers[order].to(image.device) for numbers in (groups["image"], groups["caption"])]

    def place(self, number: int) -> slice:
        """Return the slice of pairs that a row or column of tiles covers."""
        return slice(number * self.tile, min((number + 1) * self.tile, self.count))

    def of(self, r: int, c: int) -> Tensor:
        """Return the scores in a tile, without the padding."""
        rows, columns = (slice(number * self.tile, (number + 1) * self.tile) for number in (r, c))
        scores = product(self._image[rows], self._text[columns])
        return scores[: self.count - rows.start, : self.count - columns.start]

    def right(self, r: int, c: int) -> Tensor:
        """Return a mask of the correct answers in a tile."""
        rows, columns = self.place(r), self.place(c)
        same_image, same_caption = (numbers[rows, None] == numbers[None, columns] for numbers in self._groups)
        return same_image | same_caption


def _tiles_with_right_answers(clusters: Tensor, tile: int) -> set[tuple[int, int]]:
    """Return (row, column) of tiles that may hold correct answers. They are near the diagonal: `clusters` is sorted."""
    first = clusters[::tile].tolist()
    last = [*clusters[tile - 1 :: tile].tolist(), int(clusters[-1])]
    found = {(r, c) for r in range(len(first)) for c in range(r, bisect_right(first, last[r]))}
    return found | {(c, r) for r, c in found}


def product(left: Tensor, right: Tensor) -> Tensor:
    """Multiply left (A, D) by the transpose of right (B, D) in true fp32; return (A, B).

    On a CPU, the product is a 1 x 1 convolution over 16 rows of pixels: torch passes convolutions to oneDNN but
    matrix products to MKL, which uses only half of an AMD processor's vector units. (On a GPU, a convolution would use
    TF32.)
    """
    if left.device.type != "cpu" or len(left) % 16:
        return left @ right.T
    pixels = left.view(16, 1, -1, left.shape[1]).permute(0, 3, 1, 2)
    filters = right.view(-1, 1, 1, right.shape[1]).permute(0, 3, 1, 2)
    return F.conv2d(pixels, filters).permute(0, 2, 3, 1).reshape(len(left), len(right))


def _count_at_least(scores: Tensor, least: Tensor, dim: int, enough: np.ndarray) -> Tensor:
    """For each row (dim 1) or column (dim 0) of a tile, count the scores that reach its threshold in `least`.

    Returns int64 counts. `enough` is a bool work buffer.
    """
    if scores.device.type != "cpu":
        return (scores >= least.unsqueeze(dim)).sum(dim=dim)
    # numpy compares twice as fast as torch and sums bytes ten times as fast
    rows, columns = scores.shape
    found = np.greater_equal(scores.numpy(), least.unsqueeze(dim).numpy(), out=enough[:rows, :columns]).view(np.uint8)
    return torch.from_numpy(found.sum(axis=dim, dtype=np.uint16).astype(np.int64))


def _even_tile(count: int, most: int) -> int:
    """Return the tile size that minimises padding: a multiple of 32, but at most `most`."""
    most = min(most, np.iinfo(np.uint16).max)  # counts per tile row are uint16
    tiles = -(-count // most)
    return min(_multiple(-(-count // tiles), 32), most)


def _multiple(count: int, of: int) -> int:
    return of * max(1, -(-count // of))


def _filled(embeddings: Tensor, order: Tensor, tile: int) -> Tensor:
    """Return the reordered embeddings in fp32, zero-padded to a multiple of `tile` rows."""
    count, width = embeddings.shape
    filled = torch.empty(_multiple(count, tile), width, device=embeddings.device)
    filled[count:] = 0
    torch.index_select(embeddings.float(), 0, order.to(embeddings.device), out=filled[:count])
    return filled


def _right_answers(groups: Groups) -> Tensor:
    """Count each pair's correct answers (N,): the pairs with the same image or the same caption."""
    image, caption = groups["image"], groups["caption"]
    _, both = torch.stack([image, caption], dim=1).unique(dim=0, return_inverse=True)
    members = [group.unique(return_inverse=True)[1] for group in (image, caption, both)]
    of_image, of_caption, of_both = (member.bincount()[member] for member in members)
    return of_image + of_caption - of_both
