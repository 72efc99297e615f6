"""Retrieval of a trained model on splits: what the paper reports, by the towers alone."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from safetensors.torch import save_file
from tqdm import tqdm

from entityclip.contract.atomic_files import write_json, written_whole
from entityclip.contract.entity_names import names_in
from model.checkpoints.checkpoint import TOWERS, load_trained_towers, read_checkpoint_card
from model.clip.towers import Towers
from model.code_version import code_version
from model.data.dataset import TripleDataset
from model.data.shards import SplitRows, read_split
from model.distributed.device import choose_device, torch_threads
from model.distributed.local import LocalGroup
from model.errors import ModelError
from model.evaluation.embed import SplitEmbeddings, embed_split
from model.evaluation.entity_frequency import buckets, frequencies
from model.evaluation.metrics import retrieval_metrics
from model.settings.load import load_run_settings
from model.settings.schema import DataSettings, EvaluationSettings

SETTINGS, METRICS = "settings.yaml", "metrics.json"


def evaluate(
    run: Path,
    splits: Sequence[str] = (),
    *,
    explanations: Path | None = None,
    allow_partial: bool = False,
    processes: LocalGroup | None = None,
) -> dict[str, dict[str, Any]]:
    """Measure `run/checkpoint` on splits (none named: the settings' test split), each with itself as the gallery.

    `explanations` names another folder of shards than the run's settings do; an imported checkpoint has no
    settings, so it needs one. Every row with a caption and a usable image takes part, whatever became of its
    explanation. Shards are checked by their receipts as in training; `allow_partial`, or the run's own setting of it,
    measures on what is there of explanations that are not complete. A model folder that training began from is not
    needed any more. Several `processes` (`model.launch.evaluate`) share the encoding; the first alone ranks,
    writes and says anything, and for the others the result is empty.

    Returns the metrics by split, and writes them into `run/metrics.json`, whose "splits" keeps what these weights were
    measured on before. Of each split `run/{split}_embeddings.safetensors` has `image` and `text` (N, D), fp32 and
    normalised, with the digests of weights and shards in its metadata; `run/{split}_ids.json` has their ids in order.

    Raises ModelError for a run without a checkpoint or data that cannot be used.
    """
    card = read_checkpoint_card(run)
    plan = evaluation_plan(run, explanations)
    processes = processes or LocalGroup()
    weights = card["sha256"][TOWERS]
    allow_partial = allow_partial or plan.data.allow_partial
    with torch_threads(plan.threads):
        first = processes.is_first
        names = splits or [plan.data.splits.test]
        rows = {split: read_rows(plan.data, split, allow_partial, speak=first) for split in names}
        towers = load_trained_towers(run)
        device = processes.device or choose_device(plan.device)
        towers.clip.to(device)
        measured: dict[str, dict[str, Any]] = {}
        rarest = _rarest_names(plan.data, rows, allow_partial) if first else {}
        for split, split_rows in rows.items():
            triples = _triples(split_rows, towers, plan.data)
            size, rank, world = plan.evaluation.batch_size, processes.rank, processes.count
            embeddings = embed_split(towers.clip, triples, size, device, rank=rank, world=world)
            if first:
                _save(run, split_rows, embeddings, weights)
                found = _metrics(split_rows, triples, embeddings, rarest[split])
                measured[split] = found | {"allow_partial": allow_partial}
                written = {"step": card["step"], "towers_sha256": weights}
                write_json(run / METRICS, {**written, "splits": _measured_before(run, weights) | measured})
    return measured


def read_metrics(run: Path) -> dict[str, Any]:
    """The contents of `run/metrics.json`. Raises ModelError if there is none, or it is one of an older make."""
    path = run / METRICS
    try:
        metrics = dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ModelError(f"{run} was not evaluated; do it with: entityclip evaluate {run}") from None
    except ValueError as error:
        raise ModelError(f"{path}: cannot be read ({error}); make it with: entityclip evaluate {run}") from error
    if "splits" not in metrics:
        raise ModelError(f"{path}: was written by an older version; make it again with: entityclip evaluate {run}")
    return metrics


class Plan(NamedTuple):
    """What a run's settings say of evaluation."""

    data: DataSettings
    evaluation: EvaluationSettings = EvaluationSettings()
    threads: int | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"


def evaluation_plan(run: Path, explanations: Path | None) -> Plan:
    """As the run was trained, but on the shards in `explanations` if given.

    Raises ModelError for a run without settings (an import, an export) if none are given.
    """
    other_data = None if explanations is None else DataSettings(explanations=explanations.resolve())
    if not (run / SETTINGS).exists():
        if other_data is None:
            raise ModelError(f"{run} has no settings, so no data of its own; name some with --explanations FOLDER")
        return Plan(other_data)
    settings = load_run_settings(run / SETTINGS)
    return Plan(other_data or settings.data, settings.evaluation, settings.threads, settings.device)


def read_rows(data: DataSettings, split: str, allow_partial: bool, *, speak: bool = True) -> SplitRows:
    """The rows of a split; all splits are read before any is encoded, so that what is missing shows at once.

    What they are, and what is missing of them, is said on stderr, unless another process says it.
    """
    rows = read_split(data.explanations, split, statuses=None, image_root=data.image_root, allow_partial=allow_partial)
    for line in (rows.source.line(), rows.source.warning()):
        if line and speak:
            tqdm.write(line, file=sys.stderr)
    return rows


def _rarest_names(
    data: DataSettings, rows: dict[str, SplitRows], allow_partial: bool
) -> dict[str, dict[str, int | None] | None]:
    """Of each split, by a row's id, in how many training captions its rarest name is (None: it has no name).

    None for all splits where there are no training captions to count in; that is said.
    """
    train = data.splits.train
    try:
        how: dict[str, Any] = {"image_root": data.image_root, "allow_partial": allow_partial}
        training = read_split(data.explanations, train, statuses=data.statuses, **how)
    except ModelError as error:
        tqdm.write(f"no metrics by entity frequency: {error}", file=sys.stderr)
        return dict.fromkeys(rows)
    names = {
        (split, triple.id): names_in(triple.caption, triple.explanation)
        for split, split_rows in rows.items()
        for triple in split_rows.triples
    }
    found = frequencies(list(names.values()), (triple.caption for triple in training.triples))
    by_split: dict[str, dict[str, int | None] | None] = {split: {} for split in rows}
    for (split, row_id), frequency in zip(names, found, strict=True):
        by_split[split][row_id] = frequency  # type: ignore[index]
    return by_split


def _triples(rows: SplitRows, towers: Towers, data: DataSettings) -> TripleDataset:
    how: dict[str, Any] = {"workers": data.workers, "max_bad_images": data.max_bad_images}
    return TripleDataset(rows, towers, explanations=False, **how)


def _save(run: Path, rows: SplitRows, embeddings: SplitEmbeddings, weights: str) -> None:
    split = rows.source.split
    about = {"split": split, "towers_sha256": weights, "shards_sha256": rows.source.digest}
    with written_whole(run / f"{split}_embeddings.safetensors") as temporary:
        save_file({"image": embeddings.image, "text": embeddings.text}, temporary, metadata=about)
    write_json(run / f"{split}_ids.json", embeddings.ids)


def _metrics(
    rows: SplitRows, triples: TripleDataset, embeddings: SplitEmbeddings, rarest: dict[str, int | None] | None
) -> dict[str, Any]:
    by_frequency = None if rarest is None else buckets([rarest[row_id] for row_id in embeddings.ids])
    return {
        "split": rows.source.split,
        **retrieval_metrics(embeddings, with_intervals=True, buckets=by_frequency),
        "failed_images": embeddings.failures,
        "truncated_captions": triples.truncation.captions,
        "gaps": list(rows.source.gaps),
        "shards": rows.source.digests,
        "shards_sha256": rows.source.digest,
        "evaluated_with": code_version(),
    }


def _measured_before(run: Path, weights: str) -> dict[str, Any]:
    """Metrics of other splits by the same weights; those of other weights are dropped."""
    try:
        before = read_metrics(run)
    except ModelError:
        return {}
    return dict(before["splits"]) if before.get("towers_sha256") == weights else {}
