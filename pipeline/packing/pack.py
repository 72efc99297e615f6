"""Packs explanation shards: the same rows with their images inside, resized, for fast and for remote reading.

It reads shards and writes shards and needs no torch, so it is the last step of the pipeline; training reads its output
as it reads the other.
"""

import hashlib
import io
import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tqdm import tqdm

from entityclip.contract.errors import ContractError
from entityclip.contract.image_rules import BadImage
from entityclip.contract.locations import is_url
from entityclip.contract.receipts import BucketReceipt, ShardReceipt
from entityclip.contract.schema import METADATA_KEY, provenance_of
from entityclip.contract.status import Status
from pipeline.errors import PipelineError
from pipeline.files.storage import Storage, open_storage
from pipeline.images.resize import packed_image
from pipeline.shards.receipts import read_receipt, write_receipt
from pipeline.shards.shard import list_shards
from pipeline.shards.writer_lock import single_writer

_SECONDS_BETWEEN_LINES = 5.0
ROW_GROUP = 128  # rows: about 2.5 MB, so that reading a few rows reads little more, and a window mixes many groups


class PackProgress:
    """Rows packed of all, rows a second, and how long it still takes."""

    def __init__(self, rows: int) -> None:
        self._bar = tqdm(total=rows, desc="pack", unit=" rows", disable=None)
        self._total, self._rows, self._made = rows, 0, 0
        self._began = self._said = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar.disable and self._made:
            self._say()
        self._bar.close()

    def passed_over(self, rows: int) -> None:
        """So many rows were packed by an earlier run."""
        self._rows += rows
        self._bar.total = (self._bar.total or 0) - rows
        self._bar.refresh()

    def packed(self, rows: int) -> None:
        """So many more are done."""
        self._rows += rows
        self._made += rows
        self._bar.update(rows)
        if self._bar.disable and time.monotonic() - self._said >= _SECONDS_BETWEEN_LINES:
            self._say()

    def _say(self) -> None:
        self._said = time.monotonic()
        rate = self._made / max(self._said - self._began, 1e-3)
        left = (self._total - self._rows) / rate
        line = f"pack: {self._rows}/{self._total} rows, {rate:.0f} rows/s, {left:.0f} s left"
        print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class PackSettings:
    """How images are packed: pixels of the shorter side, JPEG quality, and the share of rows that may have none."""

    size: int = 256
    quality: int = 90
    max_bad_images: float = 0.01
    image_root: Path | None = None
    workers: int | None = None


@dataclass
class PackSummary:
    """What packing came to; `left_out`: why a row is not there, by its id, of the shards made by this run."""

    output: str
    rows: int = 0
    kept_shards: int = 0
    bytes: int = 0
    left_out: dict[str, str] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """What there is to say, for people."""
        named = [f"left out {row_id}: {why}" for row_id, why in list(self.left_out.items())[:10]]
        return [
            *named,
            f"rows packed: {self.rows:,} ({self.bytes / 2**20:,.0f} MiB), left out: {len(self.left_out):,}, "
            f"shards there already: {self.kept_shards:,}",
            f"shards: {self.output}",
        ]


def pack(source: Path | str, out: Path | str, settings: PackSettings | None = None) -> PackSummary:
    """Pack all shards of `source` into `out`; both are folders or URLs.

    A bucket that `out` holds already, packed from the same shards in the same way, is kept: a run that was interrupted
    goes on. A row whose image cannot be used is left out, counted, and named in `_left_out/`; a later run packs its
    bucket again once it can be used.

    Raises:
        PipelineError: no shards, buckets that are not finished, a shard that is not as its receipt says, the folder of
            the source as output, or more unusable images than `max_bad_images` of the rows.
    """
    settings = settings or PackSettings()
    if _same(source, out):
        raise PipelineError(f"{out} is where the shards are; name another folder to pack them into")
    reading = open_storage(source)
    receipts = _receipts(reading, source)
    if is_url(str(out)):
        return _Packing(settings, reading, open_storage(out), receipts, str(out)).run()
    Path(out).mkdir(parents=True, exist_ok=True)
    with single_writer(Path(out)):
        return _Packing(settings, reading, open_storage(out), receipts, str(out)).run()


class _Packing:
    def __init__(
        self, settings: PackSettings, source: Storage, out: Storage, receipts: list[BucketReceipt], location: str
    ) -> None:
        self._settings, self._source, self._out, self._receipts = settings, source, out, receipts
        self._total = sum(shard.rows for receipt in receipts for shard in receipt.shards.values())
        self._unexpected = 0
        self._summary = PackSummary(location)
        self._left_out: list[dict[str, Any]] = []  # of this bucket

    def run(self) -> PackSummary:
        workers = self._settings.workers or len(os.sched_getaffinity(0))
        with ThreadPoolExecutor(workers) as pool, PackProgress(self._total) as progress:
            for receipt in self._receipts:
                plan = self._plan(receipt)
                there = read_receipt(self._out, receipt.bucket)
                if there is not None and there.plan == plan and not self._mended(receipt.bucket):
                    self._summary.kept_shards += len(there.shards)
                    progress.passed_over(sum(shard.rows for shard in receipt.shards.values()))
                    continue
                self._left_out = []
                shards = {name: self._shard(name, shard, pool, progress) for name, shard in receipt.shards.items()}
                self._out.write(_left_out_name(receipt.bucket), json.dumps(self._left_out, indent=1).encode())
                write_receipt(self._out, replace(receipt, shards=shards, plan=plan))
        return self._summary

    def _plan(self, receipt: BucketReceipt) -> str:
        """Digest of what a packed bucket is made from."""
        made = {
            "plan": receipt.plan,
            "shards": {name: shard.sha256 for name, shard in sorted(receipt.shards.items())},
            "size": self._settings.size,
            "quality": self._settings.quality,
        }
        return hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()

    def _mended(self, bucket: int) -> bool:
        """Whether an image that an earlier run left out can be used now."""
        left_out = json.loads(self._out.read(_left_out_name(bucket)))
        return any(isinstance(self._make(image, Path(image["root"])), bytes) for image in left_out)

    def _make(self, image: dict[str, Any], root: Path) -> bytes | str:
        """A packed image, or why there is none."""
        size, quality = self._settings.size, self._settings.quality
        try:
            return packed_image(root, image["path"], image.get("bytes"), size=size, quality=quality)
        except BadImage as error:
            return str(error)

    def _shard(
        self, name: str, receipt: ShardReceipt, pool: ThreadPoolExecutor, progress: PackProgress
    ) -> ShardReceipt:
        content = self._source.read(name)
        if hashlib.sha256(content).hexdigest() != receipt.sha256:
            raise PipelineError(f"{name}: is not the shard that its receipt describes; generate its bucket again")
        table = pq.read_table(pa.BufferReader(content))
        try:
            provenance = provenance_of(table.schema)
        except ContractError as error:
            raise PipelineError(f"{name}: {error}") from error
        images, left_out = self._images(
            table, Path(self._settings.image_root or provenance["image_root"]), pool, progress
        )
        kept = pa.array([image is not None for image in images], pa.bool_())
        place = table.schema.get_field_index("image")
        packed = pa.StructArray.from_arrays(
            [pa.array(images, pa.binary()), pc.struct_field(table["image"].combine_chunks(), "path")],
            fields=list(table.schema.field("image").type),
        )
        table = table.set_column(place, table.schema.field(place), packed).filter(kept)
        counts = {found["values"]: found["counts"] for found in table["status"].value_counts().to_pylist()}
        packed_how = {
            "size": self._settings.size,
            "quality": self._settings.quality,
            "source_sha256": receipt.sha256,
            "left_out": len(left_out),
        }
        provenance |= {"packed": packed_how, "counts": counts}
        metadata = {**(table.schema.metadata or {}), METADATA_KEY: json.dumps(provenance, ensure_ascii=False).encode()}
        buffer = _parquet(table.replace_schema_metadata(metadata))
        self._out.write(name, buffer)
        self._summary.rows += table.num_rows
        self._summary.bytes += len(buffer)
        self._summary.left_out |= left_out
        return ShardReceipt(hashlib.sha256(buffer).hexdigest(), len(buffer), table.num_rows, counts)

    def _images(
        self, table: pa.Table, root: Path, pool: ThreadPoolExecutor, progress: PackProgress
    ) -> tuple[list[bytes | None], dict[str, str]]:
        """The packed image of each row, None where there is none, and why by id."""
        make = partial(self._make, root=root)
        images: list[bytes | None] = []
        left_out: dict[str, str] = {}
        for batch in table.select(["id", "image", "status"]).to_batches(max_chunksize=ROW_GROUP):
            rows = batch.to_pylist()
            for row, made in zip(rows, pool.map(make, [row["image"] for row in rows]), strict=True):
                images.append(made if isinstance(made, bytes) else None)
                if isinstance(made, str):
                    left_out[row["id"]] = made
                    if row["image"]["bytes"] is None:
                        place = {"root": str(root), "path": row["image"]["path"]}
                        self._left_out.append({"id": row["id"], "why": made, **place})
                    self._check_limit(row, made, root)
            progress.packed(len(rows))
        return images, left_out

    def _check_limit(self, row: dict[str, Any], why: str, root: Path) -> None:
        self._unexpected += row["status"] != Status.BAD_IMAGE
        if self._unexpected > ceil(self._settings.max_bad_images * self._total):
            raise PipelineError(
                f"{self._unexpected} of {self._total} images cannot be used, more than --max-bad-images "
                f"{self._settings.max_bad_images:g} allows; the last one, {row['id']!r}: {why}. Is {root} the image "
                "root, and are all images there? --image-root names another"
            )


def _same(one: Path | str, other: Path | str) -> bool:
    if is_url(str(one)) or is_url(str(other)):
        return str(one) == str(other)
    return Path(one).resolve() == Path(other).resolve()


def _receipts(storage: Storage, source: Path | str) -> list[BucketReceipt]:
    shards = list_shards(storage)
    if not shards:
        raise PipelineError(f"{source}: holds no explanation shards; make them with: entityclip generate MANIFEST")
    found = {bucket: read_receipt(storage, bucket) for bucket in range(shards[0].num_shards)}
    if missing := [bucket for bucket, receipt in found.items() if receipt is None]:
        raise PipelineError(
            f"{source}: {len(missing)} of {len(found)} buckets are not finished; finish them with: entityclip generate"
        )
    return [receipt for receipt in found.values() if receipt is not None]


def _left_out_name(bucket: int) -> str:
    return f"_left_out/bucket-{bucket:05d}.json"


def _parquet(table: pa.Table) -> bytes:
    """Small row groups; images neither compressed nor looked through for repetitions, as JPEG leaves none."""
    leaves = list(_leaves(table.schema))
    compression = {name: "none" if name == "image.bytes" else "zstd" for name in leaves}
    buffer = io.BytesIO()
    pq.write_table(
        table,
        buffer,
        row_group_size=ROW_GROUP,
        compression=compression,
        use_dictionary=[name for name in leaves if name not in ("image.bytes", "image.path", "id", "key")],
    )
    return buffer.getvalue()


def _leaves(schema: pa.Schema) -> Iterator[str]:
    for one in schema:
        if pa.types.is_struct(one.type):
            yield from (f"{one.name}.{one.type.field(i).name}" for i in range(one.type.num_fields))
        else:
            yield one.name
