"""Encodes explanations with a text tower, whole or segment by segment."""

import hashlib
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from model.data.dataset import TripleDataset


@torch.inference_mode()
def embed_explanations(clip: nn.Module, triples: TripleDataset, batch_size: int, *, segments: bool = False) -> Tensor:
    """Encode every row's explanation with the text tower. Returns (N, D) fp32, L2-normalised, on the CPU.

    Args:
        segments: return the normalised mean of the normalised embeddings of each explanation's segments, instead of
            the embedding of the whole explanation, cut at the context length.
    """
    towers: Any = clip
    device, was_training = next(clip.parameters()).device, clip.training
    towers.eval()
    batches = torch.arange(len(triples)).split(batch_size)
    found = []
    for rows in tqdm(batches, desc="encoding explanations", unit="batch", disable=None, leave=False):
        if segments:
            tokens, counts = triples.explanation_segments(rows.tolist())
        else:
            tokens, counts = triples.explanation_tokens(rows.tolist()), None
        parts = [towers.encode_text(part.to(device), normalize=True).float().cpu() for part in tokens.split(batch_size)]
        found.append(torch.cat(parts) if counts is None else mean_of_segments(torch.cat(parts), counts))
    towers.train(was_training)
    return torch.cat(found)


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
