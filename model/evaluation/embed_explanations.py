"""Encodes explanations with a text tower, whole or segment by segment."""

import hashlib
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm

from model.data.dataset import TripleDataset

MOST_SEGMENTS = 8  # that are kept of an explanation; D = 512 in fp16 makes these 8 KB a row


def embed_explanations(clip: nn.Module, triples: TripleDataset, batch_size: int, *, segments: bool = False) -> Tensor:
    """Encode every row's explanation with the text tower. Returns (N, D) fp32, L2-normalised, on the CPU.

    Args:
        segments: return the normalised mean of the normalised embeddings of each explanation's segments, instead of
            the embedding of the whole explanation, cut at the context length.
    """
    encoded = _encoded(clip, triples, batch_size, segments=segments)
    return torch.cat([mean_of_segments(embedded, counts) if segments else embedded for embedded, counts in encoded])


def embed_segments(clip: nn.Module, triples: TripleDataset, batch_size: int) -> tuple[Tensor, Tensor]:
    """Encode every row's explanation segment by segment. Returns means and segments, fp32, on the CPU.

    The means (N, D) are those of `embed_explanations`. The segments (N, K, D), L2-normalised, are the first
    MOST_SEGMENTS of each explanation, followed by 0 where there are fewer than K, the number of the longest.
    """
    means, kept = [], []
    for embedded, counts in _encoded(clip, triples, batch_size, segments=True):
        means.append(mean_of_segments(embedded, counts))
        kept += [of_row[:MOST_SEGMENTS] for of_row in embedded.split(counts.tolist())]
    return torch.cat(means), pad_sequence(kept, batch_first=True)


@torch.inference_mode()
def _encoded(
    clip: nn.Module, triples: TripleDataset, batch_size: int, *, segments: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the embeddings (S, D) of some rows' explanations, and the number of segments of each row (R,)."""
    towers: Any = clip
    device, was_training = next(clip.parameters()).device, clip.training
    towers.eval()
    batches = torch.arange(len(triples)).split(batch_size)
    for rows in tqdm(batches, desc="encoding explanations", unit="batch", disable=None, leave=False):
        if segments:
            tokens, counts = triples.explanation_segments(rows.tolist())
        else:
            tokens, counts = triples.explanation_tokens(rows.tolist()), torch.ones(len(rows), dtype=torch.int64)
        parts = [towers.encode_text(part.to(device), normalize=True).float().cpu() for part in tokens.split(batch_size)]
        yield torch.cat(parts), counts
    towers.train(was_training)


def mean_of_segments(embedded: Tensor, counts: Tensor) -> Tensor:
    """Return the normalised means (N, D) of N rows' segments.

    Args:
        embedded: the segments' normalised embeddings (S, D), row after row.
        counts: number of segments of each row (N,), at least 1, in all S.
    """
    rows = torch.arange(len(counts)).repeat_interleave(counts)
    return F.normalize(embedded.new_zeros(len(counts), embedded.shape[1]).index_add_(0, rows, embedded), dim=-1)


def text_tower_digest(clip: nn.Module) -> str:
    """Return the SHA-256 of the names, shapes and values of the text tower's parameters and buffers."""
    content = hashlib.sha256()
    for name, tensor in sorted(clip.state_dict().items()):
        if not name.startswith("visual.") and name != "logit_scale":
            content.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
            content.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return content.hexdigest()
