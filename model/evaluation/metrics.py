"""All metrics of a split: over all queries, and by topic and entity-frequency bucket."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from model.evaluation.bootstrap import intervals
from model.evaluation.clusters import cluster_labels
from model.evaluation.embed import SplitEmbeddings
from model.evaluation.retrieval import WAYS, Ranks, by_chance, mean_recall, ranks, summarise


def retrieval_metrics(
    embeddings: SplitEmbeddings, *, with_intervals: bool = False, buckets: Mapping[str, list[int]] | None = None
) -> dict[str, Any]:
    """Return recalls in percent, MedR, MeanR and MRR in both directions, overall and by part, and the chance levels.

    Args:
        with_intervals: add 95 % bootstrap intervals (`model.evaluation.bootstrap`) under "intervals".
        buckets: rows of the split by entity frequency, for "by_entity_frequency".

    The queries of a part search the whole split.
    """
    found = ranks(embeddings.image, embeddings.text, embeddings.groups)
    clusters = cluster_labels(embeddings.groups) if with_intervals else None
    gallery = len(embeddings.ids)
    topics: dict[str, list[int]] = {}
    for row, topic in enumerate(embeddings.topics):
        if topic is not None:
            topics.setdefault(topic, []).append(row)
    chance = by_chance(found.right_answers, gallery)
    metrics = {
        "gallery": gallery,
        **_part(found, clusters, torch.arange(gallery)),
        "chance": dict.fromkeys(WAYS, chance),  # correct answers are symmetric
        "by_topic": {topic: _part(found, clusters, torch.tensor(rows)) for topic, rows in sorted(topics.items())},
    }
    if buckets is not None:
        metrics["by_entity_frequency"] = {
            name: _part(found, clusters, torch.tensor(rows)) for name, rows in buckets.items() if rows
        }
    return metrics


def _part(found: Ranks, clusters: Tensor | None, rows: Tensor) -> dict[str, Any]:
    part = Ranks(*(values[rows] for values in found))
    metrics: dict[str, Any] = {way: summarise(getattr(part, way)) for way in WAYS}
    mean = mean_recall(*(metrics[way] for way in WAYS))
    ends = {} if clusters is None else {"intervals": intervals(part, clusters[rows])}
    return {"queries": len(rows), "mean_recall": mean, **metrics, **ends}
