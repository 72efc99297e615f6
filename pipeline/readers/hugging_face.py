"""Reads records from a Hugging Face dataset that is saved to disk, in a folder `datasets` can load, or on the hub."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.errors import PipelineError
from pipeline.manifest.datasets import HuggingFaceDataset
from pipeline.readers.columns import Record, columns_to_read
from pipeline.readers.parquet_rows import rows_of
from pipeline.readers.splits import taken_for


def read_hugging_face(dataset: HuggingFaceDataset, folder: Path, *, all_columns: bool = False) -> Iterator[Record]:
    """Stream the rows of all splits, or of those that the manifest names.

    A relative path is resolved against `folder`. Images are not decoded; they are passed on as bytes. Only columns that
    may be needed are read, unless `all_columns` is set.

    Raises:
        PipelineError: `datasets` is not installed or cannot load the dataset, or no revision is set for a hub dataset.
    """
    try:
        import datasets
    except ImportError as error:
        raise PipelineError(
            "dataset.kind huggingface requires the package datasets: pip install -c constraints.txt 'entityclip[hf]'"
        ) from error
    try:
        found = _load(datasets, dataset, folder)
    except PipelineError:
        raise
    except Exception as error:  # dataset builders may raise anything
        raise PipelineError(f"dataset.path: {dataset.path} cannot be loaded: {str(error)[:500]}") from error
    splits = found if isinstance(found, dict) else {str(found.split or "train"): found}
    names = dataset.splits or tuple(splits)
    if missing := [name for name in names if name not in splits]:
        raise PipelineError(
            f"dataset.splits: {dataset.path} has no split {', '.join(missing)}; its splits are {', '.join(splits)}"
        )
    wanted = columns_to_read(dataset.columns)
    for name in names:
        has_splits = isinstance(found, dict) or found.split is not None
        if has_splits:
            _check_split(dataset, name)
        yield from _rows(datasets, dataset, name, splits[name], has_splits, None if all_columns else wanted)


def _load(datasets: Any, dataset: HuggingFaceDataset, folder: Path) -> Any:
    path = folder / dataset.path
    if (path / "dataset_dict.json").is_file() or (path / "dataset_info.json").is_file():
        return datasets.load_from_disk(str(path))
    if path.is_dir():
        return datasets.load_dataset(str(path), dataset.config, streaming=True)
    if dataset.path.startswith((".", "/")) or dataset.path.count("/") > 1:
        raise PipelineError(f"dataset.path: no folder at {path}")
    if dataset.revision is None:
        raise PipelineError(
            f"dataset.path: no folder at {path}; if {dataset.path} is a dataset on the hub, set dataset.revision "
            "to a commit or tag, so that the run can be reproduced"
        )
    return datasets.load_dataset(dataset.path, dataset.config, revision=dataset.revision, streaming=True)


def _check_split(dataset: HuggingFaceDataset, split: str) -> None:
    if taken_for(split, {name.strip().lower(): ours for name, ours in dataset.rename_splits.items()}) is None:
        raise PipelineError(
            f"{dataset.path}, split {split}: the name of this split is not valid; name it in dataset.rename_splits, or "
            "choose other splits with dataset.splits"
        )


def _rows(
    datasets: Any, dataset: HuggingFaceDataset, split: str, rows: Any, has_splits: bool, wanted: set[str] | None
) -> Iterator[Record]:
    location = f"{dataset.path}, split {split}"
    features = rows.features or {}
    labels = {name: list(label.names) for name, label in features.items() if isinstance(label, datasets.ClassLabel)}
    number = 0
    try:
        if wanted is not None:
            chosen = [n for n in features if n in wanted or any(w.startswith(f"{n}.") for w in wanted)]
            rows = rows.select_columns(chosen) if chosen else rows
        for table in rows.with_format("arrow").iter(batch_size=100):
            table.validate(full=True)  # Arrow data is not checked anywhere later
            for batch in table.to_batches():
                for fields in rows_of(batch, location):
                    number += 1
                    for name in labels.keys() & fields.keys():
                        value, texts = fields[name], labels[name]
                        fields[name] = texts[value] if isinstance(value, int) and 0 <= value < len(texts) else None
                    yield Record((location, "row", number), fields, split=split if has_splits else None)
    except PipelineError:
        raise
    except (OSError, ValueError, TypeError, KeyError, pa.ArrowException, MemoryError) as error:
        raise PipelineError(f"{location} cannot be read after row {number:,}: {str(error)[:500]}") from error
