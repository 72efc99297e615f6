"""All numbers of a split: over all its queries, and over the queries of each topic and each bucket of names."""

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
    """Recalls in percent, MedR, MeanR and MRR both ways, over all and by part, and what chance would give.

    Args:
        with_intervals: 95 % bootstrap intervals of all of them (`model.evaluation.bootstrap`), under "intervals".
        buckets: rows of the split by how frequent their names are, for "by_entity_frequency".

    The queries of a part search the whole split, as all do.
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
        "chance": dict.fromkeys(WAYS, chance),  # a right answer is one both ways
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
