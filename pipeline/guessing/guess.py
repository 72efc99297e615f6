"""Guesses how to read a user's own data, and tests the guess on its first records."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError
from pipeline.files.locations import fixed_folder
from pipeline.guessing.columns import guess_columns
from pipeline.guessing.locate import Located
from pipeline.guessing.names import SPLITS
from pipeline.guessing.sample import Sample, estimate_records, first_records, read_sample
from pipeline.guessing.splits import choose_held_out, usable_splits
from pipeline.guessing.text_tables import TextTable, sniff
from pipeline.manifest.datasets import CsvDataset, HuggingFaceDataset
from pipeline.readers.columns import Record
from pipeline.readers.csv_rows import read_csv
from pipeline.readers.hugging_face import read_hugging_face
from pipeline.readers.jsonl import read_jsonl
from pipeline.readers.notes import ReaderNotes
from pipeline.readers.parquet_rows import read_parquet
from pipeline.readers.sources import Source, find_sources
from pipeline.readers.splits import hash_split, split_name
from pipeline.readers.webdataset import read_webdataset

_PEEKED = 1_000  # records that the roles of the columns are guessed from


@dataclass(frozen=True)
class Guess:
    """How to read a dataset, and how many pairs to expect.

    Attributes:
        dataset: the manifest's `dataset` section, with absolute paths.
        rows: expected number of pairs by split.
        is_exact: whether all pairs were counted; otherwise, `rows` is estimated from the first pairs.
        reasons: one line for each guess, with the reason for it.
    """

    dataset: dict[str, Any]
    rows: dict[str, int]
    is_exact: bool
    reasons: list[str]


def guess_dataset(located: Located) -> Guess:
    """Guess the columns, the image root and the splits of the data from its first few thousand records.

    Raises:
        PipelineError: the data cannot be read, or no images or captions were found in it.
    """
    reasons = [f"kind: {located.kind} ({located.reason})"]
    section: dict[str, Any] = {"kind": located.kind}
    named: set[str] | None = None  # all splits, if files or folders name them
    if located.kind == "folder":
        section["root"] = located.location
        if located.sidecar != ".txt":
            section["sidecar"] = located.sidecar
        reasons.append("image, caption: each line of a text file is a caption of the image with the same name")
        total = located.count
    else:
        section["path" if located.kind == "huggingface" else "file"] = located.location
        files = [] if located.kind == "huggingface" else find_sources(located.location, Path("/"))
        named = _saved_splits(located.first) if not files else _named_splits(files)
        table = _table(section, files, reasons) if located.kind in ("csv", "tsv") else None
        peeked = first_records(_all_columns(section, files), _PEEKED)
        if not peeked:
            raise PipelineError(f"{located.first} contains no records")
        _name_columns(section, located, table, peeked, reasons)
        paths = [Path(file.location) for file in files] or sorted(located.first.rglob("*.arrow"))
        total = estimate_records(located.kind, paths, peeked)
    sample = read_sample(section)
    if not sample.count:
        raise PipelineError(f"{located.first}: no pairs were found; {'; '.join(sample.notes)}")
    reasons += sample.notes
    return _with_splits(section, sample, named, total, reasons)


def _named_splits(files: list[Source]) -> set[str] | None:
    return {file.split for file in files if file.split is not None} or None


def _saved_splits(folder: Path) -> set[str] | None:
    """Return the splits of a folder written by `DatasetDict.save_to_disk`."""
    try:
        names = json.loads((folder / "dataset_dict.json").read_bytes())["splits"]
        return {split_name(str(name)) or str(name) for name in names}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _all_columns(section: dict[str, Any], files: list[Source]) -> Iterator[Record]:
    kind = section["kind"]
    if kind == "jsonl":
        return read_jsonl(files)
    if kind in ("csv", "tsv"):
        return read_csv(files, CsvDataset.model_validate(section), ReaderNotes())
    if kind == "parquet":
        return read_parquet(files, None)
    if kind == "webdataset":
        return read_webdataset(files, None, ReaderNotes())
    return read_hugging_face(HuggingFaceDataset.model_validate(section), Path("/"), all_columns=True)


def _table(section: dict[str, Any], files: list[Source], reasons: list[str]) -> TextTable:
    """Detect the format of a text table, and set its kind, separator, quotes and header in the section."""
    table = sniff(files[0])
    reasons += table.reasons
    section["kind"] = "tsv" if table.separator == "\t" else "csv"
    if table.separator not in ",\t":
        section["delimiter"] = table.separator
    if table.quotes is not None and table.quotes != (table.separator != "\t"):
        section["quotes"] = table.quotes
    if not table.has_header:
        section["header"] = [f"column {number}" for number in range(1, len(table.first) + 1)]
    return table


def _name_columns(
    section: dict[str, Any], located: Located, table: TextTable | None, peeked: list[Record], reasons: list[str]
) -> None:
    """Set the columns and the image root; name the columns of a table without a header after their roles."""
    base = located.first if located.kind == "huggingface" else Path(fixed_folder(located.location)).resolve()
    roles = guess_columns(peeked, base, paths_are_possible=located.kind != "webdataset")
    reasons += roles.reasons
    if table is not None and not table.has_header:
        by_column = {column: role for role, column in roles.found.items()}
        section["header"] = [by_column.get(name, name) for name in section["header"]]
    elif roles.columns:
        section["columns"] = roles.columns
    if roles.root is not None:
        section["root"] = str(roles.root)
    if roles.ignore_splits:
        section["ignore_splits"] = True
    if "id" not in roles.found and "id" not in roles.columns and located.kind != "webdataset":
        reasons.append("id: made from image and caption (no column contains ids)")


def _with_splits(
    section: dict[str, Any], sample: Sample, named: set[str] | None, total: int | None, reasons: list[str]
) -> Guess:
    """Choose the splits, and count or estimate the rows in each."""
    count = sample.count if sample.is_complete else max(sample.count, total or 0)
    images = round(count * len(sample.images) / sample.count)
    about = "" if sample.is_complete else "about "
    reasons.append(f"rows: {about}{count:,}, with {about}{images:,} different images")
    seen = set(sample.splits)
    every = named or (seen if sample.is_complete else None)  # None if later records may have other splits
    if sample.has_splits and (every is None or usable_splits(every)):
        rows = {split: round(count * number / sample.count) for split, number in sample.splits.items()}
        if every is None or not sample.is_complete:
            rows = dict.fromkeys(every or SPLITS, 0) | rows
            rows["train"] = max(rows["train"], count // 2)
        reasons.append(f"splits: taken from the data ({', '.join(sorted(every or seen))})")
        return Guess(section, rows, sample.is_complete, reasons)
    why = "the data has no splits"
    if sample.has_splits:
        section["ignore_splits"] = True
        why = f"the data has only {', '.join(sorted(every or seen))}"
    percent = section["held_out"] = choose_held_out(images, sample)
    drawn = Counter(hash_split(image, percent) for image in sample.images)
    rows = {split: round(count * drawn[split] / len(sample.images)) for split in ("train", "val", "test")}
    of = ", ".join(f"{about}{number:,} {split}" for split, number in rows.items())
    reasons.append(f"splits: {percent} % of the images for val and as many for test ({why}): {of}")
    return Guess(section, rows, sample.is_complete, reasons)
