"""Receipts for generated buckets, stored with the shards as `_receipts/bucket-00003.json`.

A dataset's explanations are complete when every bucket has a receipt without pending pairs, and exactly the shards
listed in the receipts exist, with the same digests. docs/parquet_schema.md describes the format of a receipt.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter

from entityclip.contract.errors import ContractError
from entityclip.contract.own_json import Count, check_shape, parse_object
from entityclip.contract.schema import MOST_SHARDS, SCHEMA_VERSION

RECEIPT_VERSION = 1
RECEIPTS = "_receipts"  # the folder
_OWN_DIGEST = "receipt_sha256"  # tells a damaged receipt from a damaged shard
_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]

MOST_BUCKETS = MOST_SHARDS  # a receipt with more is damaged, and checking so many would take days


class ReceiptVersionError(ContractError):
    """A receipt with an unsupported version."""


@dataclass(frozen=True)
class ShardReceipt:
    """A shard's SHA-256, size in bytes, number of rows, and number of rows by status."""

    sha256: _Sha256
    size: Count
    rows: Count
    statuses: dict[str, Count]


@dataclass(frozen=True)
class BucketReceipt:
    """The receipt for a bucket. Bucket N consists of shard N of every split.

    Attributes:
        shards: receipts by shard name; splits without pairs in the bucket have no shard.
        pending: number of planned pairs that a `limit` left for a later run.
        unsent: number of rows never sent to the engine, for example because of a bad image; a re-run retries them,
            since the cause may have been fixed.
        plan: digest of the planned pairs that the shards cover.
        finished_at: UTC time when the bucket was finished.
    """

    dataset: str
    bucket: Count
    num_buckets: Annotated[int, Field(ge=1, le=MOST_BUCKETS)]
    shards: dict[str, ShardReceipt]
    pending: Count
    unsent: Count
    plan: str
    finished_at: str = ""
    schema_version: int = SCHEMA_VERSION
    receipt_version: int = RECEIPT_VERSION

    @property
    def name(self) -> str:
        """The receipt's path relative to the output folder."""
        return receipt_name(self.bucket)

    def as_json(self) -> bytes:
        return json.dumps({**asdict(self), _OWN_DIGEST: self._digest()}, indent=1).encode()

    def _digest(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def is_as_written(self, digest: object) -> bool:
        """Return whether a file with this digest was written with these values; older files have none."""
        return digest is None or digest == self._digest()


_RECEIPT = TypeAdapter(BucketReceipt)


def receipt_name(bucket: int) -> str:
    """Return a receipt's path relative to the output folder, such as `_receipts/bucket-00003.json`."""
    return f"{RECEIPTS}/bucket-{bucket:05d}.json"


def parse_receipt(content: bytes) -> BucketReceipt:
    """Parse the content of a receipt file; the schema version of its shards is not checked.

    Raises:
        ReceiptVersionError: this program does not support the receipt's version.
        ContractError: the content is not JSON, or a field is missing or invalid.
    """
    plain = parse_object(content, "the receipt")
    version = plain.get("receipt_version")
    if version != RECEIPT_VERSION:
        raise ReceiptVersionError(f"receipt version {str(version)[:40]} is not supported; expected {RECEIPT_VERSION}")
    check_shape(plain, _RECEIPT)
    receipt = _RECEIPT.validate_python(plain)
    if not receipt.is_as_written(plain.get(_OWN_DIGEST)):
        raise ContractError("the receipt has changed since it was written")
    return receipt
