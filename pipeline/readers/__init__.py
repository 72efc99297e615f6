"""Readers that turn a dataset into a stream of pairs."""

from collections.abc import Iterator
from pathlib import Path

from entityclip.contract.locations import is_url
from pipeline.errors import PipelineError
from pipeline.images.store import ImageStore
from pipeline.manifest.datasets import (
    AnyOwnDataset,
    Columns,
    CsvDataset,
    FolderDataset,
    HeraldryDataset,
    HuggingFaceDataset,
    JsonlDataset,
    OwnDataset,
    VisualNewsDataset,
    WebDataset,
)
from pipeline.manifest.manifest import Manifest
from pipeline.pair import Pair
from pipeline.readers.columns import Record, RecordMapper
from pipeline.readers.csv_rows import read_csv
from pipeline.readers.folder import read_folder
from pipeline.readers.goodnews import read_goodnews
from pipeline.readers.hugging_face import read_hugging_face
from pipeline.readers.jsonl import read_jsonl
from pipeline.readers.n24news import read_n24news
from pipeline.readers.notes import ReaderNotes
from pipeline.readers.parquet_rows import read_parquet
from pipeline.readers.sources import Source, find_sources
from pipeline.readers.splits import renamed_in_files
from pipeline.readers.visualnews import read_visualnews
from pipeline.readers.webdataset import read_webdataset
from pipeline.worlds.heraldry.world import PAIRS, build_world

_NEWS = {"n24news": read_n24news, "goodnews": read_goodnews}


def read_pairs(manifest: Manifest, notes: ReaderNotes | None = None) -> Iterator[Pair]:
    """Stream all pairs of the manifest's dataset, in the dataset's order.

    Images embedded in the dataset's files are extracted to the image root in the process.

    Args:
        notes: updated with counts of what was cleaned or skipped while the pairs are read.

    Raises:
        PipelineError: the image root or a file of the dataset is missing, or a record is not a valid pair.
    """
    dataset = manifest.dataset
    notes = notes if notes is not None else ReaderNotes()
    if isinstance(dataset, OwnDataset):
        store = ImageStore(manifest.image_root) if manifest.dataset_root is None else None
        pairs = read_own_pairs(manifest, dataset, notes, store)
    elif isinstance(dataset, HeraldryDataset):
        world = build_world(dataset.world, manifest.resolve(dataset.root))
        mapper = RecordMapper(Columns(), notes, root=str(manifest.image_root), store=None, held_out=1)
        pairs = mapper.pairs(read_jsonl([Source(str(world / PAIRS), None)]))
    elif isinstance(dataset, VisualNewsDataset):
        pairs = read_visualnews(manifest.resolve(dataset.root), manifest.image_root, notes)
    else:
        pairs = _NEWS[dataset.kind](manifest.resolve(dataset.root), notes)
    root = manifest.dataset_root
    if isinstance(dataset, OwnDataset) and (root is None or is_url(root)):
        manifest.image_root.mkdir(parents=True, exist_ok=True)
    elif not manifest.image_root.is_dir():
        key = "root" if isinstance(dataset, HeraldryDataset | OwnDataset) else "images"
        raise PipelineError(
            f"dataset {manifest.name}: no image root at {manifest.image_root}; "
            f"set dataset.{key} in the manifest to the folder that contains the images"
        )
    return pairs


def read_own_pairs(
    manifest: Manifest, dataset: AnyOwnDataset, notes: ReaderNotes, store: ImageStore | None
) -> Iterator[Pair]:
    """Stream the pairs of a user's own dataset; `store` receives embedded images, if the dataset has no image root.

    Raises:
        PipelineError: as `read_pairs`, except that the image root is not looked at.
    """
    records = _records(manifest, dataset, notes)
    columns = Columns() if isinstance(dataset, FolderDataset) else dataset.columns
    inside = manifest.resolve(Path(dataset.path)) if isinstance(dataset, HuggingFaceDataset) else None
    mapper = RecordMapper(
        columns,
        notes,
        root=manifest.dataset_root,
        store=store,
        held_out=dataset.held_out,
        ignore_splits=dataset.ignore_splits,
        inside=inside,
        rename_splits=dataset.rename_splits,
        encoding=dataset.encoding,
        is_decoded=isinstance(dataset, CsvDataset | JsonlDataset | FolderDataset),
    )
    return mapper.pairs(records)


def _records(manifest: Manifest, dataset: AnyOwnDataset, notes: ReaderNotes) -> Iterator[Record]:
    if isinstance(dataset, FolderDataset):
        assert manifest.dataset_root is not None
        notes.layout = f"a folder, {manifest.dataset_root}"
        return read_folder(manifest.dataset_root, dataset, notes)
    if isinstance(dataset, HuggingFaceDataset):
        notes.layout = f"huggingface, {dataset.path}"
        return read_hugging_face(dataset, manifest.folder)
    sources = find_sources(dataset.file, manifest.folder)
    more = f" and {len(sources) - 1:,} more" if len(sources) > 1 else ""
    notes.layout = f"{dataset.kind}, {sources[0].location.partition('?')[0]}{more}"
    if not isinstance(dataset.file, dict) and any(source.split is not None for source in sources):
        notes.taken_for |= renamed_in_files(source.name for source in sources)
    if isinstance(dataset, JsonlDataset):
        return read_jsonl(sources, dataset.encoding, notes)
    if isinstance(dataset, CsvDataset):
        return read_csv(sources, dataset, notes)
    if isinstance(dataset, WebDataset):
        return read_webdataset(sources, dataset.columns, notes, dataset.encoding)
    return read_parquet(sources, dataset.columns)
