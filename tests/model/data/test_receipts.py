import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from entityclip.contract.digests import digest
from model.data.shards import read_split
from model.errors import ModelError
from tests.model.shard_writer import row, write_receipts, write_shard

OK = ("ok",)
MAKE = r"entityclip generate MANIFEST \(the manifest of dataset 'toy'\)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two buckets finished; bucket 1 has no pair of the split `val`."""
    for bucket in (0, 1):
        write_shard(tmp_path, "train", [row(n, "train") for n in range(bucket, 6, 2)], tmp_path, bucket, 2)
    write_shard(tmp_path, "val", [row(0, "val"), row(1, "val", status="error")], tmp_path, 0, 2)
    write_receipts(tmp_path, 2)
    return tmp_path


def change(receipt: Path, **values: object) -> None:
    receipt.write_text(json.dumps(json.loads(receipt.read_text()) | values))


def test_complete_explanations_are_read_and_said(folder: Path) -> None:
    source = read_split(folder, "val", statuses=OK).source
    name = "split=val/part-00000-of-00002.parquet"
    assert source.digests == {name: digest(folder / name)}
    assert (source.gaps, source.warning()) == ((), None)
    assert source.line() == (
        "split val: 1 shard, rows used 1 (ok 1), not used 1 (error 1); dataset toy, explained by tiny (revision 1) "
        f"with prompt toy-v1; sha256 of all shards {source.digest[:16]}"
    )


def without_any_receipt(folder: Path) -> None:
    for receipt in (folder / "_receipts").iterdir():
        receipt.unlink()


def without_a_bucket(folder: Path) -> None:
    (folder / "_receipts" / "bucket-00001.json").unlink()


def with_pairs_left(folder: Path) -> None:
    change(folder / "_receipts" / "bucket-00000.json", pending=40)


def without_a_shard(folder: Path) -> None:
    (folder / "split=train" / "part-00001-of-00002.parquet").unlink()


@pytest.mark.parametrize(
    ("spoil", "said", "rows"),
    [
        (without_any_receipt, "_receipts has no receipts, so missing shards cannot be detected", 6),
        (without_a_bucket, "1 of 2 buckets are finished", 6),
        (with_pairs_left, "40 planned pairs were left for a later run", 6),
        (without_a_shard, "missing shards: split=train/part-00001-of-00002.parquet", 3),
    ],
)
def test_half_made_explanations_are_used_only_if_allowed(
    folder: Path, spoil: Callable[[Path], None], said: str, rows: int
) -> None:
    spoil(folder)
    with pytest.raises(ModelError) as refused:
        read_split(folder, "train", statuses=OK)
    assert f"the explanations in {folder} are incomplete: {said}" in str(refused.value)
    assert re.search(MAKE, str(refused.value)) and "--allow-partial" in str(refused.value)
    found = read_split(folder, "train", statuses=OK, allow_partial=True)
    assert len(found.triples) == rows and found.source.gaps == (said,)
    warning = found.source.warning() or ""
    assert warning.startswith("PARTIAL: the explanations of split train") and said in warning


def rewrite(folder: Path) -> None:
    write_shard(folder, "train", [row(n, "train", explanation="another") for n in (1, 3, 5)], folder, 1, 2)


def add_a_split(folder: Path) -> None:
    write_shard(folder, "train", [row(9, "train")], folder, 0, 4)


def add_an_unlisted_shard(folder: Path) -> None:
    write_shard(folder, "val", [row(9, "val")], folder, 1, 2)


def promise(**values: object) -> Callable[[Path], None]:
    """A receipt whose shard digests are right and whose counts are not."""

    def spoil(folder: Path) -> None:
        receipt = folder / "_receipts" / "bucket-00000.json"
        shards = json.loads(receipt.read_text())["shards"]
        change(receipt, shards={name: shard | values for name, shard in shards.items()})

    return spoil


def write(**values: object) -> Callable[[Path], None]:
    return lambda folder: change(folder / "_receipts" / "bucket-00001.json", **values)


def cut_a_receipt(folder: Path) -> None:
    (folder / "_receipts" / "bucket-00001.json").write_text('{"receipt_version": 1, "data')


def claim_other_counts(folder: Path) -> None:
    rows = [row(n, "train") for n in (1, 3, 5)]
    write_shard(folder, "train", rows, folder, 1, 2, counts={"ok": 2, "error": 1})
    write_receipts(folder, 2)


@pytest.mark.parametrize("allow_partial", [False, True])
@pytest.mark.parametrize(
    ("spoil", "split", "said"),
    [
        (rewrite, "train", rf"train/part-00001-of-00002\.parquet does not match its receipt.*{MAKE}"),
        (add_a_split, "train", r"part-00000-of-00004\.parquet does not belong to this dataset of 2 buckets; delete it"),
        (add_an_unlisted_shard, "val", r"val/part-00001-of-00002\.parquet is not listed in the receipt of bucket 1"),
        (promise(rows=7), "train", rf"has 3 rows, but its receipt records 7.*{MAKE}"),
        (promise(statuses={"ok": 2, "error": 1}), "train", r"has row counts \{'ok': 3\}, but its receipt records"),
        (claim_other_counts, "train", r"has row counts \{'ok': 3\}, but its footer records \{'ok': 2, 'error': 1\}"),
        (write(schema_version=99), "train", rf"bucket-00001\.json lists .* schema version 99, but this .*{MAKE}"),
        (write(receipt_version=2), "train", r"bucket-00001\.json: receipt version 2 is not supported; expected 1"),
        (write(dataset="other"), "train", r"bucket-00001\.json belongs to dataset 'other'.* to 'toy' with 2"),
        (
            write(bucket=0),
            "train",
            r"bucket-00001\.json records bucket 0 of 2, which .*; delete bucket-00001\.json and generate it",
        ),
        (write(pending="many"), "train", r"bucket-00001\.json: invalid field pending: must be a whole number"),
        (cut_a_receipt, "train", r"bucket-00001\.json: the receipt is not JSON"),
    ],
)
def test_what_is_not_as_it_was_made_is_never_used(
    folder: Path, spoil: Callable[[Path], None], split: str, said: str, allow_partial: bool
) -> None:
    spoil(folder)
    with pytest.raises(ModelError, match=said):
        read_split(folder, split, statuses=OK, allow_partial=allow_partial)


def test_other_splits_are_not_hashed(folder: Path) -> None:
    shard = folder / "split=val" / "part-00000-of-00002.parquet"
    shard.write_bytes(b"broken")
    assert len(read_split(folder, "train", statuses=OK).triples) == 6
