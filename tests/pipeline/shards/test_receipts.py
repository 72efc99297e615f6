"""Receipts in a storage: none, one of another version, and one that is damaged."""

from dataclasses import replace
from pathlib import Path

import pytest

from entityclip.contract.receipts import BucketReceipt
from pipeline.errors import PipelineError
from pipeline.files.storage import open_storage
from pipeline.shards.receipts import read_receipt, write_receipt


def test_a_damaged_receipt_is_named_and_one_of_another_version_is_made_again(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    assert read_receipt(storage, 0) is None
    receipt = BucketReceipt("d", 0, 1, {}, pending=0, unsent=0, plan="p")
    write_receipt(storage, receipt)
    found = read_receipt(storage, 0)
    assert found is not None and found.finished_at and replace(found, finished_at="") == receipt
    for other in (replace(receipt, receipt_version=2), replace(receipt, schema_version=1)):
        write_receipt(storage, other)
        assert read_receipt(storage, 0) is None
    storage.write(receipt.name, b"{")
    with pytest.raises(
        PipelineError,
        match=r"_receipts/bucket-00000\.json: the receipt is not JSON: .*; delete it and generate it again",
    ):
        read_receipt(storage, 0)
