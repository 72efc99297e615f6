"""Receipts for generated buckets, stored with the shards as `_receipts/bucket-00003.json`.

A dataset's explanations are complete when every bucket has a receipt without pending pairs, and exactly the shards
listed in the receipts exist, with the same digests. docs/parquet_schema.md describes the format of a receipt.
"""

import json
from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from entityclip.contract.errors import ContractError
from entityclip.contract.schema import SCHEMA_VERSION
from entityclip.contract.settings_errors import plain_message

RECEIPT_VERSION = 1
RECEIPTS = "_receipts"  # the folder

_Count = Annotated[int, Field(ge=0)]


class ReceiptVersionError(ContractError):
    """A receipt with an unsupported version."""


@dataclass(frozen=True)
class ShardReceipt:
    """A shard's SHA-256, size in bytes, number of rows, and number of rows by status."""

    sha256: str
    size: _Count
    rows: _Count
    statuses: dict[str, int]


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
    bucket: _Count
    num_buckets: Annotated[int, Field(ge=1)]
    shards: dict[str, ShardReceipt]
    pending: _Count
    unsent: _Count
    plan: str
    finished_at: str = ""
    schema_version: int = SCHEMA_VERSION
    receipt_version: int = RECEIPT_VERSION

    @property
    def name(self) -> str:
        """The receipt's path relative to the output folder."""
        return receipt_name(self.bucket)

    def as_json(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode()


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
    try:
        plain = json.loads(content)
    except ValueError as error:
        raise ContractError(f"the receipt is not JSON: {error}") from error
    version = plain.get("receipt_version") if isinstance(plain, dict) else None
    if version != RECEIPT_VERSION:
        raise ReceiptVersionError(f"receipt version {version} is not supported; expected {RECEIPT_VERSION}")
    try:
        return _RECEIPT.validate_python(plain)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in wrong["loc"])
        raise ContractError(f"invalid field {where}: {plain_message(wrong)}") from error
