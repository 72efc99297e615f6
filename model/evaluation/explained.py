"""Explained search, our extension: retrieval by captions together with the LLM's explanations of them.

The query vector is norm(t + alpha A), where t is the caption's embedding by the trained text tower, and A that of its
explanation by the text tower before training: fine-tuning makes a tower forget how to read explanations. A is 0 where
the judge did not accept the explanation, so such a query is the caption alone. Images are embedded as always, so any
vector store can serve such queries.

Protocol     | query text                        | reported as
-------------|-----------------------------------|---------------------------------------------------------
P0           | the caption: the paper's protocol | `caption`
P1-towers    | norm(t + alpha A)                 | `explained`, text to image
P2           | the gallery's captions explained  | `explained`, image to text
P1-MMAE      | norm(T* + alpha A), against V*    | `mmae`, if MMAE is one-sided: an image cannot bring its explanation
control      | another caption's explanation     | `others`, `mmae_others`
control      | A alone                           | `alone`
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch.nn.functional as F
from torch import Tensor

from entityclip.contract.atomic_files import write_json
from model.checkpoints.checkpoint import load_entityclip
from model.clip.towers import Towers, load_towers
from model.data.dataset import TripleDataset
from model.data.shards import SplitRows
from model.data.splits import image_text_dataset, read_one_split, with_wrong_explanations
from model.distributed.device import choose_device, torch_threads
from model.errors import ModelError
from model.evaluation.clusters import Groups
from model.evaluation.compare import load_embeddings
from model.evaluation.embed import SplitEmbeddings
from model.evaluation.embed_explanations import embed_explanations, embed_segments, text_tower_digest
from model.evaluation.embed_mixtures import embed_mixtures
from model.evaluation.evaluate import evaluate, evaluation_plan, read_rows, retrieval_metrics
from model.evaluation.retrieval import ranks
from model.run_files import EXPLAINED, SETTINGS, TOWERS, read_checkpoint_card
from model.settings.load import load_run_settings
from model.settings.schema import TrainSettings

ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
_SEED = 0  # of the derangement of explanations for the control


def evaluate_explained(
    run: Path | str,
    splits: Sequence[str] = (),
    *,
    explanations: Path | None = None,
    allow_partial: bool = False,
    alpha: float | Mapping[str, float] | None = None,
    measure: Callable[..., dict[str, dict[str, Any]]] = evaluate,
) -> dict[str, dict[str, Any]]:
    """Evaluate a run as `evaluate` does, and all protocols of explained search; both write files to the run folder.

    Explanations are those in the shards, of rows whose status is in the settings' `data.statuses`. They are read with
    the towers that the run started from, which must still be there.

    Args:
        alpha: weight of explanations, or a weight for each of "towers" and "mmae"; None: the best of ALPHAS on the
            validation split, by mean recall.
        measure: what evaluates the run by captions: `evaluate`, or a function like it.

    Returns the metrics by split, as `evaluate` does. `run/explained.json` has alpha, how it was chosen, the metrics of
    each protocol by split, and the digests of the weights and of the text tower that read the explanations.

    Raises ModelError as `evaluate` does, for a run without settings, and if alpha is None and there is no validation
    split.
    """
    run = Path(run)
    if not (run / SETTINGS).exists():
        raise ModelError(f"{run} has no {SETTINGS}, so the text tower that it started from is unknown")
    settings = load_run_settings(run / SETTINGS)
    validation = settings.data.splits.val
    if alpha is None and validation is None:
        raise ModelError(f"{run} was trained without a validation split to choose alpha on; pass --alpha, such as 1")
    names = list(dict.fromkeys(splits)) or [settings.data.splits.test]
    chosen_on = [] if alpha is not None or validation is None else [validation]
    both = list(dict.fromkeys([*names, *chosen_on]))
    metrics = measure(run, both, explanations=explanations, allow_partial=allow_partial)
    with torch_threads(settings.threads):
        reader = load_towers(settings.towers)
        reader.clip.to(choose_device(settings.device))
        read = _Reading(run, settings, explanations, allow_partial, reader)
        ways: dict[str, Callable[[str], Explained]] = {"towers": read.towers}
        if settings.method.has_mmae and settings.method.one_sided:  # else V* has read the right caption's explanation
            ways["mmae"] = read.mixtures
        found = {way: mean_recalls(embed(chosen_on[0])) if chosen_on else {} for way, embed in ways.items()}
        alphas = {
            way: _best(of) if alpha is None else alpha[way] if isinstance(alpha, Mapping) else alpha
            for way, of in found.items()
        }
        measured = {name: protocols({way: embed(name) for way, embed in ways.items()}, alphas) for name in names}
    record = {
        "alpha": alphas,
        "alpha_chosen": {"split": chosen_on[0], "mean_recall": found} if chosen_on else "given",
        "towers_sha256": read_checkpoint_card(run)["sha256"][TOWERS],
        "reader_sha256": text_tower_digest(reader.clip),
        "splits": measured,
    }
    write_json(run / EXPLAINED, record)
    return {name: metrics[name] for name in names}


def fused(text: Tensor, anchors: Tensor, alpha: float) -> Tensor:
    """Return the query vectors norm(t + alpha A) (N, D), from normalised t and A (N, D); rows of A may be 0."""
    return F.normalize(text + alpha * anchors, dim=-1)


class Explained(NamedTuple):
    """A split's embeddings, and for each pair the anchors of its own and of another's explanation.

    Attributes:
        embeddings: images and captions by the towers; or V* and T* by the experts.
        anchors: A of each pair (N, D), 0 where it has no accepted explanation.
        others: A of another pair's explanation, for the control.
        text_of_others: texts (N, D) that go with `others`: T* with that explanation; by the towers, the captions.
    """

    embeddings: SplitEmbeddings
    anchors: Tensor
    others: Tensor
    text_of_others: Tensor


def _best(found: Mapping[float, float]) -> float:
    """Return the alpha with the highest recall; of equal ones, the smallest."""
    return max(found, key=lambda alpha: (found[alpha], -alpha))


def mean_recalls(split: Explained) -> dict[float, float]:
    """Return the mean recall in percent, of both directions, by alpha."""
    texts = {alpha: fused(split.embeddings.text, split.anchors, alpha) for alpha in ALPHAS}
    return {alpha: _measure(split.embeddings, text)["mean_recall"] for alpha, text in texts.items()}


def protocols(ways: Mapping[str, Explained], alphas: Mapping[str, float]) -> dict[str, Any]:
    """Return the metrics of each protocol (`retrieval_metrics` with intervals) and the number of explained queries.

    Args:
        ways: the split as embedded by the "towers" and, if the run has MMAE, by "mmae".
        alphas: weight of explanations for each of these.
    """
    (embeddings, anchors, others, captions), alpha = ways["towers"], alphas["towers"]
    texts = {
        "caption": embeddings.text,
        "explained": fused(embeddings.text, anchors, alpha),
        "others": fused(captions, others, alpha),
        "alone": anchors,
    }
    measured = {name: _measure(embeddings, text, with_intervals=True) for name, text in texts.items()}
    if (mmae := ways.get("mmae")) is not None:
        text = fused(mmae.embeddings.text, mmae.anchors, alphas["mmae"])
        measured["mmae"] = _measure(mmae.embeddings, text, with_intervals=True)
        text = fused(mmae.text_of_others, mmae.others, alphas["mmae"])
        measured["mmae_others"] = _measure(mmae.embeddings, text, with_intervals=True)
    return {"explained_queries": int(anchors.any(dim=1).sum()), "protocols": measured}


def _measure(embeddings: SplitEmbeddings, text: Tensor, *, with_intervals: bool = False) -> dict[str, Any]:
    found = ranks(embeddings.image, text, embeddings.groups)
    return retrieval_metrics(embeddings._replace(text=text), found, with_intervals=with_intervals)


class _Reading:
    """Embeds a split in each way, and its explanations."""

    def __init__(
        self, run: Path, settings: TrainSettings, explanations: Path | None, allow_partial: bool, reader: Towers
    ) -> None:
        self._run, self._reader, self._device = run, reader, choose_device(settings.device)
        self._batch_size = settings.evaluation.batch_size
        self._data = evaluation_plan(run, explanations, allow_partial).data

    def towers(self, name: str) -> Explained:
        """Return the embeddings of a split that `evaluate` saved, with the explanations' anchors."""
        saved = load_embeddings(self._run, name)
        explained = self._explained(name)
        others = with_wrong_explanations(explained, _SEED)
        embeddings = self._embeddings(name, saved.image, saved.text, saved.ids)
        return Explained(embeddings, self._anchors(explained, saved.ids), self._anchors(others, saved.ids), saved.text)

    def mixtures(self, name: str) -> Explained:
        """Return V* and T* of a split, T* with another's explanation, and the explanations' anchors."""
        model, trained = load_entityclip(self._run)
        model.to(self._device)
        rows, explained = read_rows(self._data, name, speak=False), self._explained(name)
        others = with_wrong_explanations(explained, _SEED)
        accepted = {triple.id for triple in explained.triples}

        def embed(rows: SplitRows) -> tuple[Tensor, Tensor, list[str]]:
            triples = TripleDataset(rows, trained, explanations=True, workers=self._data.workers)
            triples.without_explanations([row for row, row_id in enumerate(triples.ids) if row_id not in accepted])
            if model.method.has_segment_anchors:
                triples.segments = embed_segments(self._reader.clip, triples, self._batch_size)[1]
            return embed_mixtures(model, triples, self._batch_size, self._device)

        image, text, ids = embed(rows)
        _, with_others, their_ids = embed(others)
        place = {row_id: row for row, row_id in enumerate(ids)}
        text_of_others = text.clone()
        text_of_others[[place[row_id] for row_id in their_ids]] = with_others
        embeddings = self._embeddings(name, image, text, ids)
        return Explained(embeddings, self._anchors(explained, ids), self._anchors(others, ids), text_of_others)

    def _explained(self, name: str) -> SplitRows:
        """Return the rows of a split whose explanation was accepted."""
        return read_one_split(self._data, name, self._data.statuses)

    def _embeddings(self, name: str, image: Tensor, text: Tensor, ids: list[str]) -> SplitEmbeddings:
        pairs = image_text_dataset(read_rows(self._data, name, speak=False), self._reader, self._data)
        rows = {row_id: row for row, row_id in enumerate(pairs.ids)}
        kept = [rows[row_id] for row_id in ids]
        groups = Groups(image=pairs.image_group[kept], caption=pairs.caption_group[kept])
        return SplitEmbeddings(image, text, ids, [pairs.topics[row] for row in kept], groups, failures={})

    def _anchors(self, rows: SplitRows, ids: Sequence[str]) -> Tensor:
        triples = image_text_dataset(rows, self._reader, self._data)
        embedded = embed_explanations(self._reader.clip, triples, self._batch_size, segments=True)
        place = {row_id: row for row, row_id in enumerate(triples.ids)}
        anchors = embedded.new_zeros(len(ids), embedded.shape[1])
        found = [(number, place[row_id]) for number, row_id in enumerate(ids) if row_id in place]
        numbers, places = (list(column) for column in zip(*found, strict=True))
        anchors[numbers] = embedded[places]
        return anchors
