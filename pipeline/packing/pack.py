"""Packs explanation shards: copies their rows and embeds resized images, for fast local and remote reading.

Packing is part of `pipeline` because it does not need torch. Training reads both packed and unpacked shards.
"""

import hashlib
import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from entityclip.contract.errors import ContractError
from entityclip.contract.image_rules import BadImage
from entityclip.contract.locations import is_url
from entityclip.contract.own_json import check_shape, parse_json
from entityclip.contract.plausible import check_row_counts
from entityclip.contract.progress import Progress
from entityclip.contract.receipts import BucketReceipt, ShardReceipt
from entityclip.contract.schema import METADATA_KEY, provenance_of
from entityclip.contract.status import Status
from pipeline.errors import PipelineError
from pipeline.files.storage import Storage, open_storage
from pipeline.images.resize import packed_image
from pipeline.shards.receipts import read_receipt, write_receipt
from pipeline.shards.shard import list_shards
from pipeline.shards.writer_lock import single_writer

_LEFT_OUT = TypeAdapter(list[dict[str, str]])
ROW_GROUP = 128  # rows, about 2.5 MB; small, so few unneeded rows are read and a shuffle window mixes many groups


@dataclass(frozen=True)
class PackSettings:
    """Settings for packing images.

    Attributes:
        size: maximum length of the shorter side in pixels.
        quality: JPEG quality.
        max_bad_images: maximum share of unusable images, 0 to 1.
        image_root: overrides the image root recorded in the shards.
        workers: number of threads; None: one per CPU.
    """

    size: int = 256
    quality: int = 90
    max_bad_images: float = 0.01
    image_root: Path | None = None
    workers: int | None = None


@dataclass
class PackSummary:
    """The result of packing.

    Attributes:
        rows, bytes: total number of rows, and total size, of the shards packed by this run.
        kept_shards: number of shards packed by an earlier run and kept.
        left_out: reasons why rows were left out of the shards packed by this run, by row id.
    """

    output: str
    rows: int = 0
    kept_shards: int = 0
    bytes: int = 0
    left_out: dict[str, str] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """Return the summary as lines of text."""
        examples = [f"left out {row_id}: {why}" for row_id, why in list(self.left_out.items())[:10]]
        return [
            *examples,
            f"rows packed: {self.rows:,} ({self.bytes / 2**20:,.0f} MiB), left out: {len(self.left_out):,}, "
            f"shards packed before: {self.kept_shards:,}",
            f"shards: {self.output}",
        ]


def pack(source: Path | str, out: Path | str, settings: PackSettings | None = None) -> PackSummary:
    """Pack all shards of `source` into `out`; both are folders or URLs.

    A bucket in `out` that was packed from the same shards with the same settings is kept, so an interrupted run can be
    resumed. A row whose image is unusable is left out, counted, and listed in `_left_out/`; a later run packs its
    bucket again once the image is usable.

    Raises:
        PipelineError: there are no shards, a bucket is unfinished, a shard does not match its receipt, `out` is
            `source`, or the share of unusable images exceeds `max_bad_images`.
    """
    settings = settings or PackSettings()
    if Path(source).resolve() == Path(out).resolve():  # URLs compare equal as well
        raise PipelineError(f"{out} is the folder of the source shards; choose another folder for the packed shards")
    reading = open_storage(source)
    receipts = _receipts(reading, source)
    with nullcontext() if is_url(str(out)) else single_writer(Path(out)):
        return _Packer(settings, reading, receipts, out).run()


class _Packer:
    def __init__(self, settings: PackSettings, source: Storage, receipts: list[BucketReceipt], out: Path | str) -> None:
        self._settings, self._source, self._out, self._receipts = settings, source, open_storage(out), receipts
        self._total = sum(shard.rows for receipt in receipts for shard in receipt.shards.values())
        self._unexpected = 0
        self._summary = PackSummary(str(out))
        self._left_out: list[dict[str, Any]] = []  # of the current bucket

    def run(self) -> PackSummary:
        workers = self._settings.workers or len(os.sched_getaffinity(0))
        with ThreadPoolExecutor(workers) as pool, Progress("pack", "rows", self._total, last_line=True) as progress:
            for receipt in self._receipts:
                plan = self._plan(receipt)
                old = read_receipt(self._out, receipt.bucket)
                if old is not None and old.plan == plan and not self._has_fixed_image(receipt.bucket):
                    self._summary.kept_shards += len(old.shards)
                    progress.reduce_total(sum(shard.rows for shard in receipt.shards.values()))
                    continue
                self._out.delete(receipt.name)  # the bucket is incomplete until it has a new receipt
                for name in old.shards.keys() - receipt.shards.keys() if old is not None else ():
                    self._out.delete(name)
                self._left_out = []
                shards = {name: self._shard(name, shard, pool, progress) for name, shard in receipt.shards.items()}
                self._out.write(_left_out_name(receipt.bucket), json.dumps(self._left_out, indent=1).encode())
                write_receipt(self._out, replace(receipt, shards=shards, plan=plan))
        return self._summary

    def _plan(self, receipt: BucketReceipt) -> str:
        """Return a digest of everything that determines the content of a packed bucket."""
        shards = {name: shard.sha256 for name, shard in receipt.shards.items()}
        size = {"size": self._settings.size, "quality": self._settings.quality}
        inputs = {"plan": receipt.plan, "shards": shards, **size}
        return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()

    def _has_fixed_image(self, bucket: int) -> bool:
        """Return whether an image that an earlier run left out of the bucket is usable now."""
        try:
            left_out = parse_json(self._out.read(_left_out_name(bucket)))
            check_shape(left_out, _LEFT_OUT)
        except (ContractError, OSError):
            return True  # lost or damaged: the bucket is packed again
        return any(isinstance(self._pack_image(image, Path(image["root"])), bytes) for image in left_out)

    def _pack_image(self, image: dict[str, Any], root: Path) -> bytes | str:
        """Return the packed image, or the reason why it is unusable."""
        size, quality = self._settings.size, self._settings.quality
        try:
            return packed_image(root, image["path"], image.get("bytes"), size=size, quality=quality)
        except BadImage as error:
            return str(error)

    def _shard(self, name: str, receipt: ShardReceipt, pool: ThreadPoolExecutor, progress: Progress) -> ShardReceipt:
        content = self._source.read(name)
        if hashlib.sha256(content).hexdigest() != receipt.sha256:
            raise PipelineError(f"{name} does not match the digest in its receipt; generate its bucket again")
        try:
            with pq.ParquetFile(pa.BufferReader(content)) as parquet:
                check_row_counts(parquet.metadata, len(content))
                table = parquet.read()
            provenance = provenance_of(table.schema)
        except (ContractError, OSError, ValueError, MemoryError, pa.ArrowException) as error:
            raise PipelineError(f"{name}: {error}; generate its bucket again with: entityclip generate") from error
        root = Path(self._settings.image_root or provenance["image_root"])
        images, left_out = self._images(table, root, pool, progress)
        kept = pa.array([image is not None for image in images], pa.bool_())
        column = table.schema.get_field_index("image")
        packed = pa.StructArray.from_arrays(
            [pa.array(images, pa.binary()), pc.struct_field(table["image"].combine_chunks(), "path")],
            fields=list(table.schema.field("image").type),
        )
        table = table.set_column(column, table.schema.field(column), packed).filter(kept)
        counts = {entry["values"]: entry["counts"] for entry in table["status"].value_counts().to_pylist()}
        size = {"size": self._settings.size, "quality": self._settings.quality}
        provenance["packed"] = {**size, "source_sha256": receipt.sha256, "left_out": len(left_out)}
        provenance["counts"] = counts
        metadata = {**(table.schema.metadata or {}), METADATA_KEY: json.dumps(provenance, ensure_ascii=False).encode()}
        buffer = _parquet(table.replace_schema_metadata(metadata))
        self._out.write(name, buffer)
        self._summary.rows += table.num_rows
        self._summary.bytes += len(buffer)
        self._summary.left_out |= left_out
        return ShardReceipt(hashlib.sha256(buffer).hexdigest(), len(buffer), table.num_rows, counts)

    def _images(
        self, table: pa.Table, root: Path, pool: ThreadPoolExecutor, progress: Progress
    ) -> tuple[list[bytes | None], dict[str, str]]:
        """Return each row's packed image (None if unusable), and the reasons why images are unusable, by row id."""
        pack_image = partial(self._pack_image, root=root)
        images: list[bytes | None] = []
        left_out: dict[str, str] = {}
        for batch in table.select(["id", "image", "status"]).to_batches(max_chunksize=ROW_GROUP):
            rows = batch.to_pylist()
            for row, packed in zip(rows, pool.map(pack_image, [row["image"] for row in rows]), strict=True):
                images.append(packed if isinstance(packed, bytes) else None)
                if isinstance(packed, str):
                    left_out[row["id"]] = packed
                    if row["image"]["bytes"] is None:
                        place = {"root": str(root), "path": row["image"]["path"]}
                        self._left_out.append({"id": row["id"], "why": packed, **place})
                    self._check_limit(row, packed, root)
            progress.add(len(rows))
        return images, left_out

    def _check_limit(self, row: dict[str, Any], why: str, root: Path) -> None:
        self._unexpected += row["status"] != Status.BAD_IMAGE
        if self._unexpected > ceil(self._settings.max_bad_images * self._total):
            raise PipelineError(
                f"{self._unexpected} of {self._total} images cannot be used, more than --max-bad-images "
                f"{self._settings.max_bad_images:g} allows. The last error is in row {row['id']!r}: {why}. Check that "
                f"all images are below the image root {root}, or set another root with --image-root"
            )


def _receipts(storage: Storage, source: Path | str) -> list[BucketReceipt]:
    shards = list_shards(storage)
    if not shards:
        raise PipelineError(f"{source} has no explanation shards; generate them with: entityclip generate MANIFEST")
    receipts = [read_receipt(storage, bucket) for bucket in range(shards[0].num_shards)]
    if missing := receipts.count(None):
        raise PipelineError(
            f"{missing} of {len(receipts)} buckets in {source} are unfinished; run: entityclip generate MANIFEST"
        )
    return [receipt for receipt in receipts if receipt is not None]


def _left_out_name(bucket: int) -> str:
    return f"_left_out/bucket-{bucket:05d}.json"


def _parquet(table: pa.Table) -> bytes:
    """Serialize a table in small row groups; images are already compressed, so they are stored unchanged."""
    leaves = table.slice(0, 0).flatten().column_names
    compression = {name: "none" if name == "image.bytes" else "zstd" for name in leaves}
    repetitive = [name for name in leaves if name not in ("image.bytes", "image.path", "id", "key")]
    buffer = io.BytesIO()
    pq.write_table(table, buffer, row_group_size=ROW_GROUP, compression=compression, use_dictionary=repetitive)
    return buffer.getvalue()
