"""Inference (step 6 of the method): encode a split with the two towers alone, in one process or several."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from tqdm import tqdm

from model.data.dataset import TripleDataset
from model.data.loader import load_batches
from model.distributed.local import LocalGroup
from model.errors import ModelError
from model.evaluation.clusters import Groups

_BAR: dict[str, Any] = {"desc": "encoding", "unit": "batch", "leave": False}


class SplitEmbeddings(NamedTuple):
    """Embeddings, on the CPU, of the pairs in a split that have a usable image."""

    image: Tensor  # (N, D), fp32, L2-normalised
    text: Tensor  # (N, D), fp32, L2-normalised
    ids: list[str]
    topics: list[str | None]
    groups: Groups
    failures: dict[str, str]  # id -> why its image is unusable, from all processes


@torch.inference_mode()
def embed_images(
    clip: nn.Module, triples: TripleDataset, rows: list[int], batch_size: int, device: torch.device
) -> tuple[Tensor, list[int]]:
    """Encode the usable images of `rows`; return embeddings (M, D), fp32, L2-normalised, on the CPU, and their rows.

    Raises ModelError if too many images, or all images, are unusable.
    """
    towers: Any = clip
    towers.eval()
    found, kept = [], []
    lists = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    for batch, usable in tqdm(load_batches(triples, lists, device), total=len(lists), disable=None, **_BAR):
        if usable:
            found.append(towers.encode_image(batch.images, normalize=True).float().cpu())
            kept.extend(usable)
    if not found:
        raise ModelError("none of the images can be used; check data.image_root")
    return torch.cat(found), kept


@torch.inference_mode()
def embed_split(
    clip: nn.Module, triples: TripleDataset, batch_size: int, device: torch.device, processes: LocalGroup | None = None
) -> SplitEmbeddings:
    """Encode the images and captions of a split. Raises ModelError if too many images are unusable.

    With n `processes`, each encodes every n-th batch and receives the whole result; all of them must call this
    function. Batches do not depend on the number of processes, so the result is bit-identical on processors of the
    same kind.
    """
    processes = processes or LocalGroup()
    towers: Any = clip
    was_training = towers.training
    towers.eval()
    encoded: list[tuple[Tensor, Tensor, list[int]]] = []  # images, texts and row numbers of each batch
    mine = list(triples.sequential_sampler(batch_size))[processes.rank :: processes.count]
    hidden = None if processes.is_first else True  # None: shown only on a terminal
    for batch, rows in tqdm(load_batches(triples, mine, device), total=len(mine), disable=hidden, **_BAR):
        if rows:
            image = towers.encode_image(batch.images, normalize=True).float().cpu()
            text = towers.encode_text(batch.captions, normalize=True).float().cpu()
            encoded.append((image, text, rows))
    towers.train(was_training)
    parts = processes.all_gather_objects((encoded, dict(triples.failures)))
    images, texts, numbers = zip(*(batch for part, _ in parts for batch in part), strict=True)
    read = torch.tensor([row for rows in numbers for row in rows])
    by_row = read.argsort()
    kept = read[by_row].tolist()
    return SplitEmbeddings(
        image=torch.cat(images)[by_row],
        text=torch.cat(texts)[by_row],
        ids=[triples.ids[row] for row in kept],
        topics=[triples.topics[row] for row in kept],
        groups=Groups(image=triples.image_group[kept], caption=triples.caption_group[kept]),
        failures={row_id: why for _, failures in parts for row_id, why in failures.items()},
    )
