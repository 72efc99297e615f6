"""Readers: a dataset as it lies on disk becomes a stream of pairs."""

from collections.abc import Iterator

from pipeline.errors import PipelineError
from pipeline.manifest import GoodNewsDataset, HeraldryDataset, JsonlDataset, Manifest, N24NewsDataset
from pipeline.pair import Pair
from pipeline.readers.goodnews import read_goodnews
from pipeline.readers.jsonl import read_jsonl
from pipeline.readers.n24news import read_n24news
from pipeline.readers.notes import ReaderNotes
from pipeline.readers.visualnews import read_visualnews
from pipeline.worlds.heraldry.world import PAIRS, build_world


def read_pairs(manifest: Manifest, notes: ReaderNotes | None = None) -> Iterator[Pair]:
    """All pairs of the manifest's dataset, in its own order.

    Args:
        notes: filled, while the pairs are read, with what was cleaned or passed over.

    Raises:
        PipelineError: the image root or the file of pairs is missing, or a record is not a pair.
    """
    dataset = manifest.dataset
    if isinstance(dataset, HeraldryDataset):
        build_world(dataset.world, manifest.resolve(dataset.root))
    pairs = _reader(manifest, notes if notes is not None else ReaderNotes())
    if not manifest.image_root.is_dir():
        key = "root" if isinstance(dataset, HeraldryDataset | JsonlDataset) else "images"
        raise PipelineError(
            f"dataset {manifest.name}: no image root at {manifest.image_root}; "
            f"set dataset.{key} in the manifest to the folder that holds the images"
        )
    return pairs


def _reader(manifest: Manifest, notes: ReaderNotes) -> Iterator[Pair]:
    dataset = manifest.dataset
    root = manifest.resolve(dataset.root)
    if isinstance(dataset, HeraldryDataset):
        return read_jsonl(root / PAIRS)
    if isinstance(dataset, JsonlDataset):
        return read_jsonl(manifest.resolve(dataset.file))
    if isinstance(dataset, N24NewsDataset):
        return read_n24news(root, notes)
    if isinstance(dataset, GoodNewsDataset):
        return read_goodnews(root, notes)
    return read_visualnews(root, notes)
