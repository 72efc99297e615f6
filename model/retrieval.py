"""Retrieval metrics: exact ranks in fp32, chunk by chunk, ties counted against us."""

from typing import TypedDict

import torch
from torch import Tensor

from model.errors import ModelError

RECALLS = (1, 5, 10)
_CHUNK_SCORES = 2**24  # scores held at once: 64 MiB in fp32


class Groups(TypedDict):
    """Numbers (N,) that are equal where two pairs of a split have the same image, or the same caption."""

    image: Tensor
    caption: Tensor


def ranks(queries: Tensor, gallery: Tensor, groups: Groups) -> tuple[Tensor, Tensor]:
    """Rank of the best right answer for every query: 1 + the number of wrong answers that score as high.

    Args:
        queries, gallery: (N, D) embeddings, normalised; row i of both belongs to pair i. The whole split is
        the
            gallery.
        groups: a pair's answer is also right for another pair with the same image or the same caption.

    Returns (ranks (N,), number of right answers (N,)), both int64. Needs no N x N matrix. Raises ModelError
    for embeddings that are not finite: no comparison with NaN holds, so they would rank first.
    """
    queries, gallery = queries.float(), gallery.float()
    if not (queries.isfinite().all() and gallery.isfinite().all()):
        raise ModelError("embeddings are not finite; the model's weights are broken")
    found, right_answers = [], []
    rows = max(1, _CHUNK_SCORES // max(1, len(gallery)))
    for start in range(0, len(queries), rows):
        chunk = slice(start, start + rows)
        scores = queries[chunk] @ gallery.T
        right = groups["image"][chunk, None] == groups["image"][None]
        right |= groups["caption"][chunk, None] == groups["caption"][None]
        best = scores.masked_fill(~right, float("-inf")).amax(dim=1, keepdim=True)
        found.append(1 + ((scores >= best) & ~right).sum(dim=1))
        right_answers.append(right.sum(dim=1))
    return torch.cat(found), torch.cat(right_answers)


def summarise(query_ranks: Tensor) -> dict[str, float]:
    """R@1, R@5, R@10 in percent, median and mean rank of ranks (N,)."""
    values = query_ranks.double()
    metrics = {f"R@{k}": 100 * float((values <= k).double().mean()) for k in RECALLS}
    return {**metrics, "median_rank": float(values.quantile(0.5)), "mean_rank": float(values.mean())}


def by_chance(right_answers: Tensor, gallery: int) -> dict[str, float]:
    """What `summarise` expects of a random order, given how many right answers (N,) each query has.

    The first of r right answers among M lies beyond place k with probability
    prod_{t<k} (M - r - t) / (M - t); its expected place is (M + 1) / (r + 1). Only wrong answers stand
    before it, so its place is its rank.
    """
    right = right_answers.double()
    metrics = {}
    for k in RECALLS:
        missed = torch.ones_like(right)
        for t in range(min(k, gallery)):
            missed = missed * ((gallery - right - t) / (gallery - t)).clamp(min=0)
        metrics[f"R@{k}"] = 100 * float((1 - missed).mean())
    return {**metrics, "mean_rank": float(((gallery + 1) / (right + 1)).mean())}


def mean_recall(image_to_text: dict[str, float], text_to_image: dict[str, float]) -> float:
    """Mean of the six recalls, in percent: the number by which a checkpoint is chosen."""
    recalls = [metrics[f"R@{k}"] for metrics in (image_to_text, text_to_image) for k in RECALLS]
    return sum(recalls) / len(recalls)
