"""The ways to search for texts with explanations in an index: by the towers, by two cosines, and by MMAE's experts.

Way      | images        | query                                   | protocol of `model.evaluation.explained`
---------|---------------|-----------------------------------------|-----------------------------------------
towers   | v             | norm(t + alpha A)                       | P1-towers
both     | v and v_0     | t with v and alpha A with v_0, summed   | P1-both
mmae     | V*            | norm(T* + alpha A)                      | P1-MMAE
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model.checkpoints.checkpoint import load_entityclip
from model.data.shards import SplitRows
from model.data.splits import image_text_dataset
from model.distributed.device import choose_device
from model.errors import ModelError
from model.evaluation.embed import embed_images
from model.evaluation.embed_mixtures import embed_image_mixtures
from model.evaluation.evaluate import Plan
from model.evaluation.reader import explained_record, load_reader_of
from model.run_files import EXPORT, MODEL, read_checkpoint_card
from model.settings.schema import MethodSettings

TOWERS, BOTH, MMAE = "towers", "both", "mmae"
TENSORS = {TOWERS: ("image",), BOTH: ("image", "before"), MMAE: ("experts",)}  # of embeddings.safetensors, side by side


def embed_other_ways(
    run: Path, splits: Sequence[SplitRows], kept: Sequence[list[int]], plan: Plan
) -> dict[str, Tensor]:
    """Return the images (M, D) of an index by the towers before training, and by the experts of a one-sided MMAE.

    Args:
        kept: the rows of each split that are in the index.

    Raises ModelError if the model has no reader, or an image can no longer be used.
    """
    device, size = choose_device(plan.device), plan.evaluation.batch_size
    reader = load_reader_of(run).towers
    reader.clip.to(device)
    of_splits = list(zip(splits, kept, strict=True))
    found = {
        "before": [
            embed_images(reader.clip, image_text_dataset(rows, reader, plan.data), of_split, size, device)
            for rows, of_split in of_splits
        ]
    }
    if has_experts(run):
        model, towers = load_entityclip(run)
        model.to(device)
        found["experts"] = [
            embed_image_mixtures(model, image_text_dataset(rows, towers, plan.data), of_split, size, device)
            for rows, of_split in of_splits
        ]
    if any([rows for _, rows in of_way] != list(kept) for of_way in found.values()):
        raise ModelError("an image could be used a moment ago and cannot be now; build the index again")
    return {name: torch.cat([image for image, _ in of_way]) for name, of_way in found.items()}


def ways_of(run: Path, tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Any]]:
    """Return what an index records of the ways that its tensors allow beside the towers': alpha, and MMAE's digest.

    Alpha is null unless `evaluate --explained` has chosen one for the run's weights.
    """
    ways = [way for way, names in TENSORS.items() if way != TOWERS and set(names) <= set(tensors)]
    if not ways:
        return {}
    alphas = explained_record(run).get("alpha") or {}
    about: dict[str, dict[str, Any]] = {way: {"alpha": alphas.get(way)} for way in ways}
    if MMAE in about:
        about[MMAE]["model_sha256"] = read_checkpoint_card(run)["sha256"][MODEL]
    return about


def has_experts(run: Path) -> bool:
    """Return whether a model has experts that can search: a run with a one-sided MMAE; an export has towers alone."""
    if (run / EXPORT).exists():
        return False
    method = MethodSettings.model_validate(read_checkpoint_card(run)["method"])
    return method.has_mmae and method.one_sided
