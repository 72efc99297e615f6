"""Step 6 of the method, inference: a split through the two towers alone."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from tqdm import tqdm

from model.clusters import Groups
from model.triples import TripleSet


class SplitEmbeddings(NamedTuple):
    """Embeddings of the pairs of a split whose image could be used, on the CPU."""

    image: Tensor  # (N, D), fp32, L2-normalised
    text: Tensor  # (N, D), fp32, L2-normalised
    ids: list[str]
    topics: list[str | None]
    groups: Groups


@torch.inference_mode()
def embed_split(clip: nn.Module, triples: TripleSet, batch_size: int, device: torch.device) -> SplitEmbeddings:
    """Encode images and captions in batches. Raises ModelError if more than half of the images fail."""
    towers: Any = clip
    images, texts, kept = [], [], []
    was_training = towers.training
    towers.eval()
    starts = range(0, len(triples), batch_size)
    for start in tqdm(starts, desc="encoding", unit="batch", disable=None, leave=False):
        batch, rows = triples.batch(list(range(start, min(start + batch_size, len(triples)))))
        if not rows:
            continue
        batch = batch.to(device)
        images.append(towers.encode_image(batch.images, normalize=True).float().cpu())
        texts.append(towers.encode_text(batch.captions, normalize=True).float().cpu())
        kept.extend(rows)
    towers.train(was_training)
    return SplitEmbeddings(
        image=torch.cat(images),
        text=torch.cat(texts),
        ids=[triples.ids[row] for row in kept],
        topics=[triples.topics[row] for row in kept],
        groups=Groups(image=triples.image_group[kept], caption=triples.caption_group[kept]),
    )
