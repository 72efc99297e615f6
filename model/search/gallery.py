"""Searchable image embeddings: those that `evaluate` saved for a split of a run, or those of an index."""

from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
from safetensors import SafetensorError, safe_open

from model.checkpoints.checkpoint import load_clip
from model.clip.towers import Towers
from model.errors import ModelError
from model.evaluation.saved_ids import read_ids
from model.run_files import INDEX, TOWERS, read_checkpoint_card
from model.search.index import EMBEDDINGS, load_model_of, open_index

_SAVED = "_embeddings.safetensors"


class Gallery(NamedTuple):
    """Embeddings on disk: a safetensors file with `image` (M, D), L2-normalised, and the ids (M,) of the pairs."""

    embeddings: Path
    ids: pa.Array


def splits_embedded(folder: Path) -> list[str]:
    """List the splits with saved embeddings, without reading the embeddings. Raises ModelError for a damaged index."""
    if (folder / INDEX).exists():
        return sorted(open_index(folder).about["splits"])
    return sorted(path.name.removesuffix(_SAVED) for path in folder.glob(f"*{_SAVED}"))


def open_gallery(folder: Path, split: str) -> Gallery:
    """Open the gallery of a split of a run, or all images of an index that covers the split.

    Raises ModelError if the gallery is absent, damaged, or outdated because the weights of the run have changed.
    """
    if (folder / INDEX).exists():
        index = open_index(folder)
        if split not in index.about["splits"]:
            raise ModelError(f"{folder} has no images of split {split!r}; build another index with: entityclip index")
        return Gallery(folder / EMBEDDINGS, index.rows["id"].combine_chunks())
    again = f"entityclip evaluate {folder} --split {split}"
    path = folder / f"{split}{_SAVED}"
    if not path.is_file():
        raise ModelError(f"{folder} has no embeddings of split {split!r}; create them with: {again}")
    try:
        ids = pa.array(read_ids(folder, split), pa.string())
        with safe_open(path, "pt") as file:
            made_by = (file.metadata() or {}).get("towers_sha256")
            shape = tuple(file.get_slice("image").get_shape())
    except (OSError, ValueError, KeyError, pa.ArrowException, SafetensorError) as error:
        raise ModelError(f"{path} cannot be read ({error}); recreate it with: {again}") from error
    if len(shape) != 2 or shape[0] != len(ids):
        raise ModelError(
            f"{path} has embeddings of shape {shape} for the {len(ids)} ids in {split}_ids.json; "
            f"recreate both with: {again}"
        )
    if made_by != read_checkpoint_card(folder)["sha256"][TOWERS]:
        raise ModelError(f"{path} was not created with the current weights of {folder}; recreate it with: {again}")
    return Gallery(path, ids)


def load_model_behind(folder: Path) -> Towers:
    """Load the model of a run or an index. Raises ModelError if it cannot be loaded or did not build the index."""
    return load_model_of(open_index(folder)) if (folder / INDEX).exists() else load_clip(folder)
