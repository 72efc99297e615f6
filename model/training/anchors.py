"""Explanation anchors, our extension to the paper: the text tower's embedding of each explanation before training.

A caption names an entity; its explanation describes, in words that the pre-trained tower knows, what is visible.
Training pulls the caption's and the image's embeddings towards the explanation's fixed embedding. Every explanation is
encoded once, without gradient, so a step costs no more than without explanations.
"""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from entityclip.contract.atomic_files import written_whole
from entityclip.contract.digests import digest
from model.data.dataset import TripleDataset
from model.distributed.local import LocalGroup
from model.errors import ModelError
from model.evaluation.embed_explanations import embed_explanations

ANCHORS = "anchors.safetensors"
_NAME = "anchors"


def make_anchors(
    run: Path, clip: nn.Module, triples: TripleDataset, batch_size: int, processes: LocalGroup, *, segments: bool
) -> None:
    """Write the embeddings of the explanations, (N, D) fp16, L2-normalised, to `run/anchors.safetensors`.

    `segments` as in `embed_explanations`. With several processes, all must call this; only the first encodes.
    """
    if processes.is_first:
        with written_whole(run / ANCHORS) as temporary:
            save_file({_NAME: embed_explanations(clip, triples, batch_size, segments=segments).half()}, temporary)
    processes.barrier()


def anchors_problem(run: Path, sha256: str | None) -> str | None:
    """Return why a run's anchors are not there or not whole; None if they are.

    Args:
        sha256: the file's digest when the state was saved; None: unknown, so only its format is checked.
    """
    path = run / ANCHORS
    try:
        if sha256 is not None and digest(path) != sha256:
            return f"{path} has changed since the state was saved"
        load_file(path)[_NAME]
    except FileNotFoundError:
        return f"{path} is missing"
    except (OSError, SafetensorError, KeyError) as error:
        return f"{path} cannot be read ({error})"
    return None


def check_anchors_again(run: Path, sha256: str | None, lost: str) -> str:
    """Return a remark about anchors that were lost and written again from the initial weights.

    Raises ModelError if they are not those that the run was trained with so far (`sha256`, if known).
    """
    if sha256 is not None and digest(run / ANCHORS) != sha256:
        (run / ANCHORS).unlink()
        raise ModelError(
            f"{lost}, and encoding the explanations again gives other values, because the initial model, the machine "
            f"or the code has changed; restore the file, or start again with --overwrite"
        )
    return f"{lost}; the explanations were encoded again with the initial weights" + (
        ", with the same result" if sha256 is not None else ""
    )


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
