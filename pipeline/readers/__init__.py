"""Readers: a dataset as it lies on disk becomes a stream of pairs."""

from collections.abc import Iterator

from pipeline.errors import PipelineError
from pipeline.manifest import HeraldryDataset, Manifest
from pipeline.pair import Pair
from pipeline.readers.jsonl import read_jsonl
from pipeline.worlds.heraldry.world import PAIRS, build_world


def read_pairs(manifest: Manifest) -> Iterator[Pair]:
    """All pairs of the manifest's dataset, in its own order.

    Raises:
        PipelineError: the image root or the file of pairs is missing, or a record is not a pair.
    """
    dataset = manifest.dataset
    if isinstance(dataset, HeraldryDataset):
        pairs_file = build_world(dataset.world, manifest.resolve(dataset.root)) / PAIRS
    else:
        pairs_file = manifest.resolve(dataset.file)
    if not manifest.image_root.is_dir():
        raise PipelineError(
            f"dataset {manifest.name}: no image root at {manifest.image_root}; "
            f"set dataset.root in the manifest to the folder that holds the images"
        )
    return read_jsonl(pairs_file)
