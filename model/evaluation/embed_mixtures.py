"""Encodes a split with MMAE's experts, for search with explanations: our extension; the paper drops the experts."""

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from model.data.dataset import TripleDataset
from model.data.loader import load_batches
from model.method.entityclip import EntityCLIP


@torch.inference_mode()
def embed_image_mixtures(
    model: EntityCLIP, triples: TripleDataset, rows: list[int], batch_size: int, device: torch.device
) -> tuple[Tensor, list[int]]:
    """Return V* (M, D), fp32, L2-normalised, on the CPU, of the usable images of `rows`, and their rows.

    Args:
        model: a trained model with a one-sided MMAE, on `device`.
    """
    model.eval()
    found, kept = [], []
    lists = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    loaded = load_batches(triples, lists, device)
    for batch, usable in tqdm(loaded, "image experts", len(lists), unit="batch", leave=False, disable=None):
        if usable:
            found.append(F.normalize(model.image_mixture(batch.images).float(), dim=-1).cpu())
            kept += usable
    return torch.cat(found), kept


@torch.inference_mode()
def embed_text_mixtures(
    model: EntityCLIP, triples: TripleDataset, batch_size: int, device: torch.device
) -> tuple[Tensor, list[int]]:
    """Return T* (N, D), fp32, L2-normalised, on the CPU, of the N rows with a usable image, and their rows.

    Args:
        triples: a split with explanation tokens, or with the segments that the experts read; a missing explanation is
            read as an empty text.
    """
    model.eval()
    found, kept = [], []
    batches = list(triples.sequential_sampler(batch_size))
    loaded = load_batches(triples, batches, device)
    for batch, rows in tqdm(loaded, "text experts", len(batches), unit="batch", leave=False, disable=None):
        if rows:
            explanations = batch.segments if model.method.has_segment_anchors else batch.explanations
            assert explanations is not None
            found.append(F.normalize(model.text_mixture(batch.captions, explanations).float(), dim=-1).cpu())
            kept += rows
    return torch.cat(found), kept
