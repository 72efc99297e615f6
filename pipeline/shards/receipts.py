"""Receipts: what a bucket's making came to, kept beside the shards as `_receipts/bucket-00003.json`.

A dataset's explanations are complete when every bucket has a receipt with nothing pending, and the shards are those
that the receipts list, with these digests. docs/parquet_schema.md describes the file; `model` reads it by itself.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from entityclip.contract.schema import SCHEMA_VERSION
from pipeline.files.atomic import now
from pipeline.files.storage import Storage

RECEIPT_VERSION = 1


@dataclass(frozen=True)
class ShardReceipt:
    """One shard: SHA-256 and size in bytes of the file, rows, and rows by status."""

    sha256: str
    size: int
    rows: int
    statuses: dict[str, int]


@dataclass(frozen=True)
class BucketReceipt:
    """One bucket: shard N of every split.

    Attributes:
        shards: by name; a split none of whose pairs fell into the bucket has none.
        pending: planned pairs left for a later run (beyond `limit`).
        unsent: rows that did not reach the engine; their cause may be mended, so a re-run judges them anew.
        plan: digest of the planned pairs that the shards answer.
        finished_at: when this state was reached, UTC.
    """

    dataset: str
    bucket: int
    num_buckets: int
    shards: dict[str, ShardReceipt]
    pending: int
    unsent: int
    plan: str
    finished_at: str = ""
    schema_version: int = SCHEMA_VERSION
    receipt_version: int = RECEIPT_VERSION

    @property
    def name(self) -> str:
        """Where the receipt is stored."""
        return receipt_name(self.bucket)


def receipt_name(bucket: int) -> str:
    """`_receipts/bucket-00003.json`."""
    return f"_receipts/bucket-{bucket:05d}.json"


def read_receipt(storage: Storage, bucket: int) -> BucketReceipt | None:
    """The receipt of a bucket; None where there is none, or one of another version, which is made again."""
    try:
        content: dict[str, Any] = json.loads(storage.read(receipt_name(bucket)))
    except FileNotFoundError:
        return None
    if (content["receipt_version"], content["schema_version"]) != (RECEIPT_VERSION, SCHEMA_VERSION):
        return None
    shards = {name: ShardReceipt(**shard) for name, shard in content.pop("shards").items()}
    return BucketReceipt(**content, shards=shards)


def write_receipt(storage: Storage, receipt: BucketReceipt) -> None:
    """Store a receipt, dated now."""
    content = asdict(replace(receipt, finished_at=now()))
    storage.write(receipt.name, json.dumps(content, indent=1).encode())
