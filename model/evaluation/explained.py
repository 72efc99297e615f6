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
P1-both      | t, and alpha A                    | `both`: the sum of two cosines, t with the image by the trained
             |                                   | towers, A with the image by those before training
P1-MMAE      | norm(T* + alpha A), against V*    | `mmae`, if MMAE is one-sided: an image cannot bring its explanation
control      | another caption's explanation     | `others`, `both_others`, `mmae_others`
control      | A alone                           | `alone`
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from entityclip.contract.atomic_files import write_json
from model.clip.towers import Towers, load_towers
from model.distributed.device import choose_device, torch_threads
from model.errors import ModelError
from model.evaluation.embed import SplitEmbeddings
from model.evaluation.embed_explanations import text_tower_digest
from model.evaluation.evaluate import evaluate, evaluation_plan, retrieval_metrics
from model.evaluation.explained_splits import Explained, ExplainedSplits
from model.evaluation.retrieval import ranks
from model.run_files import EXPLAINED, SETTINGS, TOWERS, read_checkpoint_card
from model.settings.load import load_run_settings
from model.settings.schema import DataSettings, TrainSettings

PROTOCOLS = {  # names in tables
    "caption": "P0",
    "explained": "P1-towers",
    "both": "P1-both",
    "mmae": "P1-MMAE",
    "others": "others' explanations",
    "both_others": "others', by both",
    "mmae_others": "others', by MMAE",
    "alone": "explanation alone",
}
_PROTOCOLS = {"towers": "explained", "both": "both", "mmae": "mmae"}
_CONTROLS = {"towers": "others", "both": "both_others", "mmae": "mmae_others"}
ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)


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
        alpha: weight of explanations, or a weight for each of "towers", "both" and "mmae"; None: the best of ALPHAS on
            the validation split, by mean recall.
        measure: what evaluates the run by captions: `evaluate`, or a function like it.

    Returns the metrics by split, as `evaluate` does. `run/explained.json` has alpha, how it was chosen, the metrics of
    each protocol by split, the `low_agreement` of the validation split if alpha was chosen on it, and the digests of
    the weights and of the text tower that read the explanations.

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
        ways = explained_ways(run, settings, reader, evaluation_plan(run, explanations, allow_partial).data)
        found = {way: mean_recalls(embed(chosen_on[0])) if chosen_on else {} for way, embed in ways.items()}
        alphas = {
            way: _best(of) if alpha is None else alpha[way] if isinstance(alpha, Mapping) else alpha
            for way, of in found.items()
        }
        low = low_agreement(ways["towers"](chosen_on[0])) if chosen_on else None
        measured = {name: protocols({way: embed(name) for way, embed in ways.items()}, alphas) for name in names}
    record = {
        "alpha": alphas,
        "alpha_chosen": {"split": chosen_on[0], "mean_recall": found} if chosen_on else "given",
        "low_agreement": low,
        "towers_sha256": read_checkpoint_card(run)["sha256"][TOWERS],
        "reader_sha256": text_tower_digest(reader.clip),
        "splits": measured,
    }
    write_json(run / EXPLAINED, record)
    return {name: metrics[name] for name in names}


def explained_ways(
    run: Path, settings: TrainSettings, reader: Towers, data: DataSettings
) -> dict[str, Callable[[str], Explained]]:
    """Return what embeds a split in each way that an evaluated run can be searched in.

    "towers" and "both", and if MMAE is one-sided, "mmae": else V* has read the right caption's explanation.

    Args:
        reader: the towers that training started from; they are moved to the settings' device.
        data: where the splits are.
    """
    device = choose_device(settings.device)
    reader.clip.to(device)
    read = ExplainedSplits(run, data, reader, settings.evaluation.batch_size, device)
    ways: dict[str, Callable[[str], Explained]] = {"towers": read.towers, "both": read.both}
    if settings.method.has_mmae and settings.method.one_sided:
        ways["mmae"] = read.mixtures
    return ways


def fused(text: Tensor, anchors: Tensor, alpha: float) -> Tensor:
    """Return the query vectors norm(t + alpha A) (N, D), from normalised t and A (N, D); rows of A may be 0."""
    return F.normalize(text + alpha * anchors, dim=-1)


def agreement(text: Tensor, anchors: Tensor) -> Tensor:
    """Return the cosines (N,) of captions with explanations, both normalised (N, D).

    Training teaches the text tower names; for a name that it knows, a wrong explanation lies far from the caption.
    """
    return (text * anchors).sum(dim=1)


def low_agreement(split: Explained) -> float | None:
    """Return what nine tenths of a split's accepted explanations agree more than with their captions; None: no such."""
    found = agreement(split.embeddings.text, split.anchors)[split.anchors.any(dim=1)]
    return float(found.quantile(0.1)) if len(found) else None


def _best(found: Mapping[float, float]) -> float:
    """Return the alpha with the highest recall; of equal ones, the smallest."""
    return max(found, key=lambda alpha: (found[alpha], -alpha))


def mean_recalls(split: Explained) -> dict[float, float]:
    """Return the mean recall in percent, of both directions, by alpha."""
    texts = {alpha: fused(split.embeddings.text, split.anchors, alpha) for alpha in ALPHAS}
    return {alpha: measured_with(split.embeddings, text)["mean_recall"] for alpha, text in texts.items()}


def protocols(ways: Mapping[str, Explained], alphas: Mapping[str, float]) -> dict[str, Any]:
    """Return the metrics of each protocol (`retrieval_metrics` with intervals) and the number of explained queries.

    Args:
        ways: the split as embedded in each way: "towers", "both", and if the run's experts can search, "mmae".
        alphas: weight of explanations for each of these.
    """
    towers = ways["towers"]
    measured = {"caption": measured_with(towers.embeddings, towers.embeddings.text, with_intervals=True)}
    for way, of in ways.items():
        texts = {_PROTOCOLS[way]: (of.embeddings.text, of.anchors), _CONTROLS[way]: (of.text_of_others, of.others)}
        for protocol, (text, anchors) in texts.items():
            measured[protocol] = measured_with(of.embeddings, fused(text, anchors, alphas[way]), with_intervals=True)
    measured["alone"] = measured_with(towers.embeddings, towers.anchors, with_intervals=True)
    return {"explained_queries": int(towers.anchors.any(dim=1).sum()), "protocols": measured}


def measured_with(embeddings: SplitEmbeddings, text: Tensor, *, with_intervals: bool = False) -> dict[str, Any]:
    """Return `retrieval_metrics` of a split's images with other texts (N, D), normalised."""
    found = ranks(embeddings.image, text, embeddings.groups)
    return retrieval_metrics(embeddings._replace(text=text), found, with_intervals=with_intervals)
