"""Encodes a split with MMAE's experts, for search with explanations: our extension; the paper drops the experts."""

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from model.data.dataset import TripleDataset
from model.data.loader import load_batches
from model.method.entityclip import EntityCLIP


@torch.inference_mode()
def embed_mixtures(
    model: EntityCLIP, triples: TripleDataset, batch_size: int, device: torch.device
) -> tuple[Tensor, Tensor, list[str]]:
    """Return V* and T* (N, D), fp32, L2-normalised, on the CPU, and the ids of the N pairs with a usable image.

    Args:
        model: a trained model with MMAE, on `device`.
        triples: a split with explanation tokens (`reads_explanations`); a missing explanation is read as an empty text.
    """
    model.eval()
    image, text, ids = [], [], []
    batches = list(triples.sequential_sampler(batch_size))
    loaded = load_batches(triples, batches, device)
    for batch, rows in tqdm(loaded, "experts", len(batches), unit="batch", leave=False, disable=None):
        if rows:
            mixtures = model.mixtures(model.token_features(batch))
            v_star, t_star = (F.normalize(one.float(), dim=-1).cpu() for one in mixtures)
            image.append(v_star)
            text.append(t_star)
            ids += [triples.ids[row] for row in rows]
    return torch.cat(image), torch.cat(text), ids
