"""Receipts: what a bucket's making came to, kept beside the shards as `_receipts/bucket-00003.json`.

A dataset's explanations are complete when every bucket has a receipt with nothing pending, and the shards are those
that the receipts list, with these digests. docs/parquet_schema.md describes the file.
"""

import json
from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from entityclip.contract.errors import ContractError
from entityclip.contract.schema import SCHEMA_VERSION

RECEIPT_VERSION = 1
RECEIPTS = "_receipts"  # the folder

_Count = Annotated[int, Field(ge=0)]


class ReceiptVersionError(ContractError):
    """A receipt of another version."""


@dataclass(frozen=True)
class ShardReceipt:
    """One shard: SHA-256 and size in bytes of the file, rows, and rows by status."""

    sha256: str
    size: _Count
    rows: _Count
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
        """Where the receipt is stored."""
        return receipt_name(self.bucket)

    def as_json(self) -> bytes:
        """The file's content."""
        return json.dumps(asdict(self), indent=1).encode()


_RECEIPT = TypeAdapter(BucketReceipt)


def receipt_name(bucket: int) -> str:
    """`_receipts/bucket-00003.json`."""
    return f"{RECEIPTS}/bucket-{bucket:05d}.json"


def parse_receipt(content: bytes) -> BucketReceipt:
    """A receipt from its file's content; its shards may be of another schema version.

    Raises:
        ReceiptVersionError: it is of another version.
        ContractError: it is no JSON, or a field is missing or wrong.
    """
    try:
        plain = json.loads(content)
    except ValueError as error:
        raise ContractError(f"cannot be read ({error})") from error
    version = plain.get("receipt_version") if isinstance(plain, dict) else None
    if version != RECEIPT_VERSION:
        raise ReceiptVersionError(f"has receipt version {version}, this program reads {RECEIPT_VERSION}")
    try:
        return _RECEIPT.validate_python(plain)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in wrong["loc"])
        raise ContractError(f"{where}: {wrong['msg']}") from error
