"""Explanation anchors, our extension to the paper: the text tower's embedding of each explanation before training.

A caption names an entity; its explanation describes, in words that the pre-trained tower knows, what is visible.
Training pulls the caption's and the image's embeddings towards the explanation's fixed embedding. Every explanation is
encoded once, without gradient, so a step costs no more than without explanations.
"""

from pathlib import Path
from typing import NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from entityclip.contract.atomic_files import written_whole
from entityclip.contract.digests import digest
from model.data.dataset import TripleDataset
from model.distributed.local import LocalGroup
from model.errors import ModelError
from model.evaluation.embed_explanations import embed_explanations, embed_segments
from model.settings.method import MethodSettings

ANCHORS = "anchors.safetensors"
_NAME, _SEGMENTS = "anchors", "segments"


class Encoded(NamedTuple):
    """Explanations as the text tower encodes them before training, fp16."""

    anchors: Tensor  # (N, D)
    segments: Tensor | None  # (N, K, D), as in `embed_segments`; None if no experts read them


def encode_before_training(clip: nn.Module, triples: TripleDataset, batch_size: int, method: MethodSettings) -> Encoded:
    """Return what the method reads of the explanations, as the text tower encodes them now."""
    if method.has_segment_anchors:
        anchors, segments = embed_segments(clip, triples, batch_size)
        if not method.anchor_segments and method.has_anchors:
            anchors = embed_explanations(clip, triples, batch_size)
        return Encoded(anchors.half(), segments.half())
    return Encoded(embed_explanations(clip, triples, batch_size, segments=method.anchor_segments).half(), None)


def make_anchors(
    run: Path, clip: nn.Module, triples: TripleDataset, batch_size: int, processes: LocalGroup, method: MethodSettings
) -> None:
    """Write the embeddings of the explanations (`encode_before_training`) to `run/anchors.safetensors`.

    With several processes, all must call this; only the first encodes.
    """
    if processes.is_first:
        with written_whole(run / ANCHORS) as temporary:
            encoded = encode_before_training(clip, triples, batch_size, method)
            save_file({name: value for name, value in encoded._asdict().items() if value is not None}, temporary)
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


def read_anchors(run: Path, rows: int) -> Encoded:
    """Read what a run encoded of N explanations. Raises ModelError if it is missing or N is not `rows`."""
    try:
        found = load_file(run / ANCHORS)
        anchors = found[_NAME]
    except (OSError, SafetensorError, KeyError) as error:
        raise ModelError(
            f"{run / ANCHORS} cannot be read ({error}), so this run cannot be resumed; start again with --overwrite"
        ) from error
    if len(anchors) != rows:
        raise ModelError(
            f"{run / ANCHORS} has {len(anchors)} rows, but the training split has {rows}; start again with --overwrite"
        )
    return Encoded(anchors, found.get(_SEGMENTS))
