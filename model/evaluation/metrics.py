"""Retrieval metrics from ranks: recall at K, median and mean rank, mean reciprocal rank, and their chance levels."""

import torch
from torch import Tensor

RECALLS = (1, 5, 10, 50, 100)
CHOOSING = (1, 5, 10)  # values of K in mean recall, which selects the checkpoint
WAYS = ("image_to_text", "text_to_image")


def summarise(query_ranks: Tensor) -> dict[str, float]:
    """Return R@K in percent, median and mean rank (MedR, MeanR) and mean reciprocal rank (MRR) for ranks (N,)."""
    values = query_ranks.double()
    metrics = {f"R@{k}": 100 * float((values <= k).double().mean()) for k in RECALLS}
    return {**metrics, "MedR": median(values), "MeanR": float(values.mean()), "MRR": float((1 / values).mean())}


def median(values: Tensor) -> float:
    """Return the median of values (N,), without torch.quantile, which rejects large inputs."""
    ordered = values.sort().values
    return float(ordered[(len(values) - 1) // 2] + ordered[len(values) // 2]) / 2


def by_chance(right_answers: Tensor, gallery: int) -> dict[str, float]:
    """Return the expected metrics of `summarise` (except MedR) for randomly ordered answers.

    Args:
        right_answers: number of correct answers to each query (N,).
        gallery: number of candidates M.

    The first of r correct answers is beyond place k with probability prod_{t<k} (M - r - t) / (M - t). Only wrong
    answers precede it, so its place is its rank.
    """
    beyond = torch.zeros(gallery + 1, dtype=torch.float64)  # entry k: share of queries with a rank above k
    places = torch.arange(gallery, dtype=torch.float64)
    for right, queries in zip(*(found.tolist() for found in right_answers.unique(return_counts=True)), strict=True):
        missed = ((gallery - right - places) / (gallery - places)).clamp(min=0).cumprod(0)
        beyond += queries / len(right_answers) * torch.cat([torch.ones(1, dtype=torch.float64), missed])
    metrics = {f"R@{k}": 100 * float(1 - beyond[min(k, gallery)]) for k in RECALLS}
    at = beyond[:-1] - beyond[1:]
    return {**metrics, "MeanR": float(beyond[:-1].sum()), "MRR": float((at / (1 + places)).sum())}


def mean_recall(image_to_text: dict[str, float], text_to_image: dict[str, float]) -> float:
    """Return the mean of R@1, R@5 and R@10 in both directions, in percent: the checkpoint selection metric."""
    recalls = [metrics[f"R@{k}"] for metrics in (image_to_text, text_to_image) for k in CHOOSING]
    return sum(recalls) / len(recalls)
