"""Explanation anchors, our extension to the paper: the text tower's embedding of each explanation before training.

A caption names an entity; its explanation describes, in words that the pre-trained tower knows, what is visible.
Training pulls the caption's and the image's embeddings towards the explanation's fixed embedding. Every explanation is
encoded once, without gradient, so a step costs no more than without explanations.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

from entityclip.contract.atomic_files import written_whole
from model.data.dataset import TripleDataset
from model.distributed.local import LocalGroup
from model.errors import ModelError

ANCHORS = "anchors.safetensors"
_NAME = "anchors"


def make_anchors(run: Path, clip: nn.Module, triples: TripleDataset, batch_size: int, processes: LocalGroup) -> None:
    """Write the explanations' L2-normalised `encode_text` embeddings, (N, D) fp16, to `run/anchors.safetensors`.

    With several processes, all must call this; only the first encodes.
    """
    if processes.is_first:
        with written_whole(run / ANCHORS) as temporary:
            save_file({_NAME: embed_explanations(clip, triples, batch_size).half()}, temporary)
    processes.barrier()


def read_anchors(run: Path, rows: int) -> Tensor:
    """Read a run's anchors, (N, D) fp16. Raises ModelError if they are missing or N is not `rows`."""
    try:
        anchors = load_file(run / ANCHORS)[_NAME]
    except (OSError, SafetensorError, KeyError) as error:
        raise ModelError(
            f"{run / ANCHORS} cannot be read ({error}), so this run cannot be resumed; start again with --overwrite"
        ) from error
    if len(anchors) != rows:
        raise ModelError(
            f"{run / ANCHORS} has {len(anchors)} rows, but the training split has {rows}; start again with --overwrite"
        )
    return anchors


@torch.inference_mode()
def embed_explanations(clip: nn.Module, triples: TripleDataset, batch_size: int) -> Tensor:
    """Encode every row's explanation with the text tower. Returns (N, D) fp32, L2-normalised, on the CPU."""
    towers: Any = clip
    device, was_training = next(clip.parameters()).device, clip.training
    towers.eval()
    batches = torch.arange(len(triples)).split(batch_size)
    found = [
        towers.encode_text(triples.explanation_tokens(rows.tolist()).to(device), normalize=True).float().cpu()
        for rows in tqdm(batches, desc="encoding explanations", unit="batch", disable=None, leave=False)
    ]
    towers.train(was_training)
    return torch.cat(found)
