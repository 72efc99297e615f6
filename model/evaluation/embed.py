"""Step 6 of the method, inference: a split through the two towers alone, by one process or shared by several."""

from typing import Any, NamedTuple

import torch
import torch.distributed
from torch import Tensor, nn
from tqdm import tqdm

from model.data.dataset import TripleDataset
from model.data.loader import load_batches
from model.errors import ModelError
from model.evaluation.clusters import Groups


class SplitEmbeddings(NamedTuple):
    """Embeddings of the pairs of a split whose image could be used, on the CPU."""

    image: Tensor  # (N, D), fp32, L2-normalised
    text: Tensor  # (N, D), fp32, L2-normalised
    ids: list[str]
    topics: list[str | None]
    groups: Groups
    failures: dict[str, str]  # id -> why its image cannot be used, of all processes


class _EncodedBatch(NamedTuple):
    image: Tensor
    text: Tensor
    rows: list[int]  # those of the batch whose image could be used


@torch.inference_mode()
def embed_images(
    clip: nn.Module, triples: TripleDataset, rows: list[int], batch_size: int, device: torch.device
) -> tuple[Tensor, list[int]]:
    """Encode the images of some rows: (M, D) fp32, L2-normalised, on the CPU, and the rows whose image could be used.

    Raises ModelError if too many images cannot be used, or all.
    """
    towers: Any = clip
    towers.eval()
    found, kept = [], []
    lists = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    how: dict[str, Any] = {"desc": "encoding", "unit": "batch", "disable": None, "leave": False}
    for batch, usable in tqdm(load_batches(triples, lists, device), total=len(lists), **how):
        if usable:
            found.append(towers.encode_image(batch.images, normalize=True).float().cpu())
            kept.extend(usable)
    if not found:
        raise ModelError("none of the images can be used")
    return torch.cat(found), kept


@torch.inference_mode()
def embed_split(
    clip: nn.Module,
    triples: TripleDataset,
    batch_size: int,
    device: torch.device,
    *,
    rank: int = 0,
    world: int = 1,
) -> SplitEmbeddings:
    """Encode images and captions in batches. Raises ModelError if too many images fail.

    Of several processes, `world` in all, each encodes every `world`-th batch and gets the whole: all of them have to
    call it, in a process group of torch.distributed (`gloo` or `nccl`). A batch has the same rows however many
    processes there are, so the result is the same to the bit on processors of the same kind.
    """
    towers: Any = clip
    was_training = towers.training
    towers.eval()
    encoded: list[_EncodedBatch] = []
    mine = list(triples.sequential_sampler(batch_size))[rank::world]
    how: dict[str, Any] = {"desc": "encoding", "unit": "batch", "disable": True if rank else None, "leave": False}
    for batch, rows in tqdm(load_batches(triples, mine, device), total=len(mine), **how):
        if not rows:
            continue
        image = towers.encode_image(batch.images, normalize=True).float().cpu()
        text = towers.encode_text(batch.captions, normalize=True).float().cpu()
        encoded.append(_EncodedBatch(image, text, rows))
    towers.train(was_training)
    failures = dict(triples.failures)
    if world > 1:
        parts: list[Any] = [None] * world
        torch.distributed.all_gather_object(parts, (encoded, failures))
        encoded = [batch for part, _ in parts for batch in part]
        failures = {row_id: why for _, found in parts for row_id, why in found.items()}
    read = torch.tensor([row for batch in encoded for row in batch.rows])
    by_row = read.argsort()
    kept = read[by_row].tolist()
    return SplitEmbeddings(
        image=torch.cat([batch.image for batch in encoded])[by_row],
        text=torch.cat([batch.text for batch in encoded])[by_row],
        ids=[triples.ids[row] for row in kept],
        topics=[triples.topics[row] for row in kept],
        groups=Groups(image=triples.image_group[kept], caption=triples.caption_group[kept]),
        failures=failures,
    )
