"""Retrieval evaluation of a trained run with the two towers alone, as in the paper."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from entityclip.contract.atomic_files import write_json, written_whole
from entityclip.contract.entity_names import names_in
from entityclip.contract.visible_text import visible
from model import record_shapes
from model.checkpoints.checkpoint import load_trained_towers
from model.code_version import code_version
from model.data.dataset import TripleDataset
from model.data.shards import SplitRows
from model.data.splits import image_text_dataset, read_one_split
from model.distributed.device import choose_device, torch_threads
from model.distributed.local import LocalGroup
from model.errors import ModelError
from model.evaluation.bootstrap import intervals
from model.evaluation.clusters import cluster_labels
from model.evaluation.embed import SplitEmbeddings, embed_split
from model.evaluation.entity_frequency import buckets, frequencies
from model.evaluation.metrics import WAYS, by_chance, mean_recall, summarise
from model.evaluation.retrieval import Ranks, ranks
from model.evaluation.saved_ranks import save_ranks
from model.evaluation.trained_on import training_rows
from model.run_files import METRICS, SETTINGS, TOWERS, read_checkpoint_card, read_record
from model.settings.load import load_run_settings
from model.settings.schema import DataSettings, EvaluationSettings


def evaluate(
    run: Path | str,
    splits: Sequence[str] = (),
    *,
    explanations: Path | None = None,
    allow_partial: bool = False,
    processes: LocalGroup | None = None,
) -> dict[str, dict[str, Any]]:
    """Evaluate `run/checkpoint` on splits (default: the settings' test split); queries search only their own split.

    `explanations` replaces the settings' folder of shards; imported checkpoints, which have no settings, require it.
    Every row with a caption and a usable image is included, whatever the status of its explanation. Shards are checked
    against their receipts as in training; `allow_partial`, here or in the run's settings, accepts incomplete
    explanations. The model folder that training started from is not needed. `processes` (`model.launch.evaluate`) share
    the encoding; only the first one computes ranks, writes files and prints; the others return an empty dict.

    Returns the metrics by split and merges them into `run/metrics.json`, where "splits" keeps earlier results for the
    same weights. For each split, writes `run/{split}_embeddings.safetensors` with `image` and `text` (N, D), fp32 and
    normalised, and the digests of weights and shards as metadata; `run/{split}_ids.json` with the ids in order; and the
    ranks in `run/{split}_ranks.parquet`.

    Raises ModelError for a run without a checkpoint or for unusable data.
    """
    run = Path(run)
    card = read_checkpoint_card(run)
    plan = evaluation_plan(run, explanations, allow_partial)
    processes = processes or LocalGroup()
    weights = card["sha256"][TOWERS]
    with torch_threads(plan.threads):
        first = processes.is_first
        rows = {split: read_rows(plan.data, split, speak=first) for split in splits or [plan.data.splits.test]}
        towers = load_trained_towers(run)
        device = processes.device or choose_device(plan.device)
        towers.clip.to(device)
        measured: dict[str, dict[str, Any]] = {}
        rarest = _rarest_names(run, card, plan.data, rows) if first else {}
        for split, split_rows in rows.items():
            triples = image_text_dataset(split_rows, towers, plan.data)
            embeddings = embed_split(towers.clip, triples, plan.evaluation.batch_size, device, processes)
            if first:
                found = ranks(embeddings.image, embeddings.text, embeddings.groups)
                _save(run, split_rows, embeddings, found, weights)
                metrics = _metrics(split_rows, triples, embeddings, found, rarest[split])
                measured[split] = metrics | {"allow_partial": plan.data.allow_partial}
                written = {"step": card["step"], "towers_sha256": weights}
                write_json(run / METRICS, {**written, "splits": _measured_before(run, weights) | measured})
    return measured


def retrieval_metrics(
    embeddings: SplitEmbeddings,
    found: Ranks,
    *,
    with_intervals: bool = False,
    buckets: Mapping[str, list[int]] | None = None,
) -> dict[str, Any]:
    """Return recalls in percent, MedR, MeanR and MRR in both directions, overall and by topic, and the chance levels.

    Args:
        found: the ranks of the embeddings.
        with_intervals: add 95 % bootstrap intervals (`model.evaluation.bootstrap`) under "intervals".
        buckets: row numbers by entity frequency bucket; adds metrics by bucket under "by_entity_frequency".

    The queries of a topic or bucket search the whole split.
    """
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


def read_metrics(run: Path) -> dict[str, Any]:
    """Read `run/metrics.json`. Raises ModelError if it is missing, damaged, or from an older version."""
    path = run / METRICS
    if not path.exists():
        raise ModelError(f"{run} has not been evaluated; run: entityclip evaluate {run}")
    again = f"recreate it with: entityclip evaluate {run}"
    metrics = read_record(path, None, again, record_shapes.METRICS)
    if "splits" not in metrics:
        raise ModelError(f"{path} was written by an older version; {again}")
    return metrics


class Plan(NamedTuple):
    """Evaluation-related settings of a run."""

    data: DataSettings
    evaluation: EvaluationSettings = EvaluationSettings()
    threads: int | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"


def evaluation_plan(run: Path, explanations: Path | None, allow_partial: bool = False) -> Plan:
    """Return the evaluation settings of `run`; `explanations`, if given, replaces their folder of shards.

    With `allow_partial`, incomplete explanations are accepted even if the settings do not allow them.

    Raises ModelError for a run without settings (an imported checkpoint, an export) if `explanations` is None.
    """
    data = None if explanations is None else DataSettings(explanations=explanations.resolve())
    settings = load_run_settings(run / SETTINGS) if (run / SETTINGS).exists() else None
    if data is None:
        if settings is None:
            raise ModelError(f"{run} has no {SETTINGS}, so its data folder is unknown; pass --explanations FOLDER")
        data = settings.data
    data = data.model_copy(update={"allow_partial": data.allow_partial or allow_partial})
    return Plan(data) if settings is None else Plan(data, settings.evaluation, settings.threads, settings.device)


def read_rows(data: DataSettings, split: str, *, speak: bool = True) -> SplitRows:
    """Read the rows of a split; if `speak`, print a summary and any warnings to stderr.

    Callers read all splits before encoding any of them, so that missing data is reported early.
    """
    rows = read_one_split(data, split)
    for line in (rows.source.line(), rows.source.warning()):
        if line and speak:
            tqdm.write(visible(line), file=sys.stderr)
    return rows


def _rarest_names(
    run: Path, card: dict[str, Any], data: DataSettings, rows: dict[str, SplitRows]
) -> dict[str, dict[str, int | None] | None]:
    """Return, by split and row id, how many captions that the run was trained on contain the row's rarest name.

    None stands for a row without a name. If the rows that the run was trained on cannot be read, prints the reason and
    returns None for every split.
    """
    training = training_rows(run, card, data)
    if isinstance(training, str):
        tqdm.write(f"skipping metrics by entity frequency: {visible(training)}", file=sys.stderr)
        return dict.fromkeys(rows)
    names = {
        (split, triple.id): names_in(triple.caption, triple.explanation)
        for split, split_rows in rows.items()
        for triple in split_rows.triples
    }
    counts = frequencies(list(names.values()), (triple.caption for triple in training.triples))
    found = dict(zip(names, counts, strict=True))
    return {split: {row_id: found[of, row_id] for of, row_id in names if of == split} for split in rows}


def _save(run: Path, rows: SplitRows, embeddings: SplitEmbeddings, found: Ranks, weights: str) -> None:
    split = rows.source.split
    about = {"split": split, "towers_sha256": weights, "shards_sha256": rows.source.digest}
    with written_whole(run / f"{split}_embeddings.safetensors") as temporary:
        save_file({"image": embeddings.image, "text": embeddings.text}, temporary, metadata=about)
    write_json(run / f"{split}_ids.json", embeddings.ids)
    save_ranks(run, split, embeddings.ids, found, about)


def _metrics(
    rows: SplitRows,
    triples: TripleDataset,
    embeddings: SplitEmbeddings,
    found: Ranks,
    rarest: dict[str, int | None] | None,
) -> dict[str, Any]:
    by_frequency = None if rarest is None else buckets([rarest[row_id] for row_id in embeddings.ids])
    return {
        "split": rows.source.split,
        **retrieval_metrics(embeddings, found, with_intervals=True, buckets=by_frequency),
        "failed_images": embeddings.failures,
        "truncated_captions": triples.truncation.captions,
        "gaps": list(rows.source.gaps),
        "shards": rows.source.digests,
        "shards_sha256": rows.source.digest,
        "evaluated_with": code_version(),
    }


def _measured_before(run: Path, weights: str) -> dict[str, Any]:
    """Return the saved metrics by split, if they were measured with the same weights."""
    try:
        before = read_metrics(run)
    except ModelError:
        return {}
    return dict(before["splits"]) if before.get("towers_sha256") == weights else {}


def _part(found: Ranks, clusters: Tensor | None, rows: Tensor) -> dict[str, Any]:
    part = Ranks(*(values[rows] for values in found))
    metrics: dict[str, Any] = {way: summarise(getattr(part, way)) for way in WAYS}
    mean = mean_recall(*(metrics[way] for way in WAYS))
    ends = {} if clusters is None else {"intervals": intervals(part, clusters[rows])}
    return {"queries": len(rows), "mean_recall": mean, **metrics, **ends}
