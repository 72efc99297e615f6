"""Retrieval of a trained model on a split: what the paper reports, by the towers alone."""

import sys
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from safetensors.torch import save_file
from tqdm import tqdm

from model.checkpoint import load_trained_towers, read_card
from model.code_version import code_version
from model.device import choose_device, torch_threads
from model.embedding import SplitEmbeddings, embed_split
from model.errors import ModelError
from model.files import write_json, written_whole
from model.retrieval import by_chance, mean_recall, ranks, summarise
from model.settings import DataSettings, EvaluationSettings
from model.settings_file import load_run_settings
from model.shards import read_split
from model.triples import TripleSet

SETTINGS, METRICS = "settings.yaml", "metrics.json"


def evaluate(
    run: Path, split: str | None = None, *, explanations: Path | None = None, allow_partial: bool = False
) -> dict[str, Any]:
    """Measure `run/checkpoint` on a split (None: the settings' test split), the whole split as the gallery.

    `explanations` names another folder of shards than the run's settings do; an imported checkpoint has no
    settings, so it needs one. Every row with a caption and a usable image takes part, whatever became of its
    explanation. Shards are checked by their receipts as in training; `allow_partial`, or the run's own setting of it,
    measures on what is there of explanations that are not complete. A model folder that training began from is not
    needed any more.

    Writes `run/metrics.json` (also returned), `run/{split}_embeddings.safetensors` with `image` and `text` (N, D)
    fp32 normalised, and `run/{split}_ids.json`, their ids in order. Another split's metrics replace the first's.

    Raises ModelError for a run without a checkpoint or data that cannot be used.
    """
    card = read_card(run)
    plan = _plan(run, explanations)
    split = split or plan.data.splits.test
    with torch_threads(plan.threads):
        allow_partial = allow_partial or plan.data.allow_partial
        rows = read_split(
            plan.data.explanations,
            split,
            statuses=None,
            image_root=plan.data.image_root,
            allow_partial=allow_partial,
        )
        for line in (rows.source.line(), rows.source.warning()):
            if line:
                tqdm.write(line, file=sys.stderr)
        towers = load_trained_towers(run)
        device = choose_device(plan.device)
        triples = TripleSet(rows, towers, explanations=False, cache_mib=0)
        embeddings = embed_split(towers.clip.to(device), triples, plan.evaluation.batch_size, device)
        metrics = {
            "split": split,
            "step": card["step"],
            **retrieval_metrics(embeddings),
            "failed_images": triples.failures,
            "truncated_captions": triples.truncation.captions,
            "allow_partial": allow_partial,
            "gaps": list(rows.source.gaps),
            "shards": rows.source.digests,
            "shards_sha256": rows.source.digest,
            "evaluated_with": code_version(),
        }
    with written_whole(run / f"{split}_embeddings.safetensors") as temporary:
        save_file({"image": embeddings.image, "text": embeddings.text}, temporary)
    write_json(run / f"{split}_ids.json", embeddings.ids)
    write_json(run / METRICS, metrics)
    return metrics


class _Plan(NamedTuple):
    data: DataSettings
    evaluation: EvaluationSettings = EvaluationSettings()
    threads: int | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"


def _plan(run: Path, explanations: Path | None) -> _Plan:
    other_data = None if explanations is None else DataSettings(explanations=explanations.resolve())
    if not (run / SETTINGS).exists():
        if other_data is None:
            raise ModelError(f"{run} has no settings, so no data of its own; name some with --explanations FOLDER")
        return _Plan(other_data)
    settings = load_run_settings(run / SETTINGS)
    return _Plan(other_data or settings.data, settings.evaluation, settings.threads, settings.device)


def retrieval_metrics(embeddings: SplitEmbeddings) -> dict[str, Any]:
    """Recalls in percent, median and mean rank, both ways, over all and by topic, and what chance would give."""
    both = {
        "image_to_text": ranks(embeddings.image, embeddings.text, embeddings.groups),
        "text_to_image": ranks(embeddings.text, embeddings.image, embeddings.groups),
    }
    gallery = len(embeddings.ids)
    topics: dict[str, list[int]] = {}
    for row, topic in enumerate(embeddings.topics):
        if topic is not None:
            topics.setdefault(topic, []).append(row)
    return {
        "gallery": gallery,
        **_directions(both, torch.arange(gallery)),
        "chance": {name: by_chance(right, gallery) for name, (_, right) in both.items()},
        "by_topic": {topic: _directions(both, torch.tensor(rows)) for topic, rows in sorted(topics.items())},
    }


def _directions(both: dict[str, tuple[torch.Tensor, torch.Tensor]], rows: torch.Tensor) -> dict[str, Any]:
    metrics: dict[str, Any] = {name: summarise(found[rows]) for name, (found, _) in both.items()}
    mean = mean_recall(metrics["image_to_text"], metrics["text_to_image"])
    return {"queries": len(rows), "mean_recall": mean, **metrics}
