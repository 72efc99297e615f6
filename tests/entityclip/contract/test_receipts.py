"""A receipt comes back as it was written, and what is none is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from entityclip.contract.errors import ContractError
from entityclip.contract.receipts import (
    BucketReceipt,
    ReceiptVersionError,
    ShardReceipt,
    parse_receipt,
    receipt_name,
)

RECEIPT = BucketReceipt(
    dataset="Žižka",
    bucket=3,
    num_buckets=4,
    shards={"split=train/part-00003-of-00004.parquet": ShardReceipt("ab" * 32, 1234, 5, {"ok": 3, "a later one": 2})},
    pending=7,
    unsent=1,
    plan="cd" * 16,
    finished_at="2026-01-01T10:00:05.000+00:00",
)


def test_a_receipt_comes_back() -> None:
    assert parse_receipt(RECEIPT.as_json()) == RECEIPT
    assert RECEIPT.name == receipt_name(3) == "_receipts/bucket-00003.json"


def test_a_later_writer_may_add_fields() -> None:
    plain = json.loads(RECEIPT.as_json())
    assert parse_receipt(json.dumps(plain | {"more": 1}).encode()) == RECEIPT


def _changed(**values: Any) -> bytes:
    return json.dumps(json.loads(RECEIPT.as_json()) | values).encode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"receipt_version": 1, "data', r"^the receipt is not JSON: Unterminated string"),
        (b"\xff", r"^the receipt is not JSON: "),
        (b"", r"^the receipt is not JSON: there is nothing in it"),
        (b"[1]", r"^the receipt is not a mapping"),
        (b'{"receipt_version": ' + b"[" * 200_000, r"^the receipt is nested too deeply"),
        (_changed(num_buckets=10**12), r"^invalid field num_buckets: must be at most 100000"),
        (_changed(pending="many"), "^invalid field pending: must be a whole number"),
        (_changed(pending=-1), "^invalid field pending: must be at least 0"),
        (
            _changed(shards={"x": {"sha256": "a" * 64, "size": 1, "statuses": {}}}),
            r"^invalid field shards\.x\.rows: is required, but missing",
        ),
        (_changed(shards=[]), "^invalid field shards: must be a mapping"),
        (_changed(plan="of other pairs"), "^the receipt has changed since it was written"),
    ],
)
def test_what_is_no_receipt_is_named(content: bytes, said: str) -> None:
    with pytest.raises(ContractError, match=said) as raised:
        parse_receipt(content)
    assert not isinstance(raised.value, ReceiptVersionError)


@pytest.mark.parametrize("content", [_changed(receipt_version=2, pending="new meaning"), b"{}"])
def test_another_version_is_told_from_damage(content: bytes) -> None:
    with pytest.raises(ReceiptVersionError, match=r"^receipt version (2|None) is not supported; expected 1$"):
        parse_receipt(content)


def test_the_document_names_the_fields() -> None:
    text = (Path(__file__).parents[3] / "docs" / "parquet_schema.md").read_text(encoding="utf-8")
    about = text.partition("- `_receipts/bucket-00003.json`")[2].partition("\n- ")[0]
    plain = json.loads(RECEIPT.as_json())
    names = {*plain, *plain["shards"].popitem()[1]}
    assert not {name for name in names if f"`{name}`" not in about}
