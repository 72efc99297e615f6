"""Image index: a movable folder with the images of one or more splits, embedded by a trained model.

`embeddings.safetensors` has `image` (M, D), L2-normalised, one row per image, even for an image with several captions;
for search with explanations it may also have `before` (M, D), by the towers before training, and `experts` (M, D), V*;
`rows.parquet` has the pair id, image path and captions of each row; `index.json` has the digests of the model's
weights and of the data.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from entityclip.contract.atomic_files import folder_written_whole, write_json
from entityclip.contract.digests import digest
from model import record_shapes
from model.checkpoints.checkpoint import load_clip, model_digest
from model.clip.towers import Towers
from model.data.shards import SplitRows
from model.data.splits import image_text_dataset
from model.distributed.device import choose_device, torch_threads
from model.errors import ModelError
from model.evaluation.embed import embed_images
from model.evaluation.evaluate import Plan, evaluation_plan, read_rows
from model.evaluation.reader import describe_reader
from model.evaluation.saved_ids import read_ids
from model.run_files import INDEX, TOWERS, check_index, find_run, holds_model, read_checkpoint_card, read_record
from model.search.ways import embed_other_ways, ways_of

FORMAT_VERSION = 1
EMBEDDINGS, ROWS = "embeddings.safetensors", "rows.parquet"
Precision = Literal["fp32", "fp16"]
_DTYPES = {"fp32": torch.float32, "fp16": torch.float16}


@dataclass(frozen=True)
class Index:
    """An open index. Its embeddings stay on disk."""

    folder: Path
    about: dict[str, Any]
    rows: pa.Table  # id, image_root, image_path (null if the image is in the shard), captions

    def __len__(self) -> int:
        return len(self.rows)


def build_index(
    model: Path,
    out: Path,
    *,
    splits: Sequence[str] = (),
    explanations: Path | None = None,
    precision: Precision = "fp32",
    allow_partial: bool = False,
    explained: bool = False,
) -> Index:
    """Embed the images of `splits` (default: the test split in the settings) and write the index atomically to `out`.

    Embeddings that `evaluate` saved are reused if they were computed with the same weights and shards. Every row with a
    usable image is included.

    Args:
        model: a run or an export. An export has no settings, so it requires `explanations`.
        out: a new folder, or an earlier index, which is replaced.
        explained: embed the images also by the towers before training, and by MMAE's image experts if the run has a
            one-sided MMAE, so that texts with explanations can be searched for in each way.

    Raises ModelError if `out` is any other file or folder, the model cannot be loaded, or the data is unusable; and if
    `explained` is asked of a model without a reader.
    """
    if out.exists() and not (out / INDEX).is_file() and not (out.is_dir() and not any(out.iterdir())):
        raise ModelError(f"{out} is neither empty nor an index; choose another folder")
    run = find_run(model)
    towers = load_clip(run)
    plan = evaluation_plan(run, explanations, allow_partial)
    with torch_threads(plan.threads):
        every = [read_rows(plan.data, split) for split in splits or [plan.data.splits.test]]
        embeddings, tables, kept = zip(*(_embed(run, rows, towers, plan) for rows in every), strict=True)
        found = {"image": torch.cat(embeddings)}
        if explained:
            found |= embed_other_ways(run, every, kept, plan)
    image, table = found["image"], pa.concat_tables(tables)
    sources = [rows.source for rows in every]
    reader, no_reader = describe_reader(run)
    with folder_written_whole(out) as folder:
        save_file({name: one.to(_DTYPES[precision]).contiguous() for name, one in found.items()}, folder / EMBEDDINGS)
        pq.write_table(table, folder / ROWS)
        about = {
            "format_version": FORMAT_VERSION,
            "made_by": f"entityclip {version('entityclip')}",
            "images": len(image),
            "width": image.shape[1],
            "precision": precision,
            "model": str(run.resolve()),
            "model_from_here": os.path.relpath(run.resolve(), out.resolve()),
            "model_sha256": model_digest(towers),
            "reader": reader,
            "no_reader": no_reader,
            "ways": ways_of(run, found),
            "explanations": str(plan.data.explanations),
            "splits": {s.split: {"shards_sha256": s.digest, "gaps": list(s.gaps)} for s in sources},
            "sha256": {name: digest(folder / name) for name in (EMBEDDINGS, ROWS)},
        }
        write_json(folder / INDEX, about)
    return open_index(out)


def open_index(folder: Path) -> Index:
    """Open an index. Raises ModelError if it is missing, damaged, or in a different format version."""
    check_index(folder)
    about = read_record(folder / INDEX, FORMAT_VERSION, "rebuild the index", record_shapes.INDEX)
    try:
        rows = pq.read_table(folder / ROWS, memory_map=True)
        with safe_open(folder / EMBEDDINGS, "pt") as file:
            shape = tuple(file.get_slice("image").get_shape())
        rows.validate(full=True)  # flipped bits may decode to text that is not UTF-8
        rows = rows.select(_SCHEMA.names).cast(_SCHEMA)
    except (OSError, ValueError, KeyError, MemoryError, pa.ArrowException, SafetensorError) as error:
        raise ModelError(f"{folder} cannot be read ({error}); rebuild the index") from error
    if shape != (about["images"], about["width"]) or len(rows) != about["images"]:
        raise ModelError(f"{folder} has embeddings of shape {shape} for {len(rows)} rows; rebuild the index")
    return Index(folder, about, rows)


def model_folder_of(index: Index, model: Path | None = None) -> Path:
    """Return where the model that built an index is. If the model has moved, `model` is its new location.

    Raises ModelError if there is no model.
    """
    here = index.about["model"], index.folder / index.about["model_from_here"]
    places = [model] if model is not None else [Path(place) for place in here if holds_model(Path(place))]
    if not places:
        raise ModelError(f"the model that built {index.folder} is no longer at {here[0]}; give its folder with --model")
    return places[0]


def load_model_of(index: Index, model: Path | None = None) -> Towers:
    """Load the model that built an index. If the model has moved, `model` is its new location.

    Raises ModelError if the model is not found, or is not the one that built the index.
    """
    place = model_folder_of(index, model)
    towers = load_clip(place)
    found, wanted = model_digest(towers), index.about["model_sha256"]
    if found != wanted:
        raise ModelError(
            f"{place} is not the model that built {index.folder} (digest {found[:16]}, not {wanted[:16]}); "
            "give the right model with --model, or rebuild the index"
        )
    return towers


def _embed(run: Path, rows: SplitRows, towers: Towers, plan: Plan) -> tuple[Tensor, pa.Table, list[int]]:
    """Return the embeddings (M, D) of a split's distinct images, the index's rows, and the split's row numbers."""
    device = choose_device(plan.device)
    triples = image_text_dataset(rows, towers, plan.data)
    members: dict[int, list[int]] = {}
    for row, group in enumerate(triples.image_group.tolist()):
        members.setdefault(group, []).append(row)
    firsts = [same[0] for same in members.values()]
    image = _saved(run, rows, [triples.ids[row] for row in firsts])
    kept = firsts
    if image is None:
        image, kept = embed_images(towers.clip.to(device), triples, firsts, plan.evaluation.batch_size, device)
    table = []
    for row in kept:
        triple = rows.triples[row]
        same = members[int(triples.image_group[row])]
        captions = list(dict.fromkeys(rows.triples[other].caption for other in same))
        paths = {"image_root": str(triple.image_root), "image_path": triple.image_path}
        table.append({"id": triple.id, **paths, "captions": captions})
    return image, pa.Table.from_pylist(table, schema=_SCHEMA), kept


_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("image_root", pa.dictionary(pa.int32(), pa.string())),
        ("image_path", pa.string()),
        ("captions", pa.list_(pa.string())),
    ]
)


def _saved(run: Path, rows: SplitRows, ids: list[str]) -> Tensor | None:
    """Return the embeddings that `evaluate` saved for these rows, or None if any are missing or outdated."""
    path = run / f"{rows.source.split}_embeddings.safetensors"
    if not path.is_file():
        return None
    weights = read_checkpoint_card(run)["sha256"][TOWERS]
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
        if (metadata.get("towers_sha256"), metadata.get("shards_sha256")) != (weights, rows.source.digest):
            return None
        numbers = {row_id: n for n, row_id in enumerate(read_ids(run, rows.source.split))}
        if not numbers.keys() >= set(ids):
            return None  # an image was unusable then, and may be usable now
        image: Tensor = load_file(path)["image"]
        if len(image) != len(numbers):
            return None
    except (OSError, KeyError, ModelError, SafetensorError):
        return None  # damaged: the images are embedded again
    tqdm.write(f"split {rows.source.split}: reusing the embeddings saved by entityclip evaluate", file=sys.stderr)
    return image[[numbers[row_id] for row_id in ids]]
