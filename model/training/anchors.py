"""Explanation anchors, our extension and not the paper's: where the text tower puts every explanation before training.

A caption names somebody; its explanation says, in words that the pre-trained tower knows, what is to be seen. Training
pulls the caption's and the image's embeddings to the explanation's as it was, which no other loss can move. Every
explanation is encoded once, without gradient, so that steps cost what they cost without explanations.
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
    """Write `run/anchors.safetensors`: (N, D) fp16 by row, as `encode_text` makes them, L2-normalised.

    Of several processes all call it, and the first encodes.
    """
    if processes.is_first:
        with written_whole(run / ANCHORS) as temporary:
            save_file({_NAME: embed_explanations(clip, triples, batch_size).half()}, temporary)
    processes.barrier()


def read_anchors(run: Path, rows: int) -> Tensor:
    """The anchors of a run's training rows, (N, D) fp16. Raises ModelError if they are not there, or of other rows."""
    try:
        anchors = load_file(run / ANCHORS)[_NAME]
    except (OSError, SafetensorError, KeyError) as error:
        raise ModelError(
            f"{run / ANCHORS}: cannot be read ({error}); this run cannot go on without, begin anew with --overwrite"
        ) from error
    if len(anchors) != rows:
        raise ModelError(f"{run / ANCHORS} has {len(anchors)} rows, the training split {rows}; begin with --overwrite")
    return anchors


@torch.inference_mode()
def embed_explanations(clip: nn.Module, triples: TripleDataset, batch_size: int) -> Tensor:
    """(N, D) fp32, L2-normalised, on the CPU: every row's explanation through the text tower as it is."""
    towers: Any = clip
    device, was_training = next(clip.parameters()).device, clip.training
    towers.eval()
    rows = list(range(len(triples)))
    starts = range(0, len(rows), batch_size)
    found = [
        towers.encode_text(triples.explanation_tokens(rows[start : start + batch_size]).to(device), normalize=True)
        .float()
        .cpu()
        for start in tqdm(starts, desc="encoding explanations", unit="batch", disable=None, leave=False)
    ]
    towers.train(was_training)
    return torch.cat(found)
