"""What is damaged in an output is found by a cheap look, moved aside and made again; what is whole stays."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from entityclip.contract.receipts import ShardReceipt
from pipeline.checking.check import CheckOptions, check_manifest
from pipeline.errors import PipelineError
from pipeline.generation.generate import generate as generate_all
from pipeline.job import Job, open_job
from pipeline.shards.receipts import read_receipt, write_receipt
from pipeline.shards.shard import count_statuses, list_shards, read_shard, write_shard
from tests.support.dataset import write_manifest, write_pairs
from tests.support.generation import all_rows, file_digest, find_shards
from tests.support.scripted_engine import ScriptedEngine

COUNT = 40
TRAIN, TEST = "split=train/part-00000-of-00002.parquet", "split=test/part-00000-of-00002.parquet"
TRAIN_1, TEST_1 = "split=train/part-00001-of-00002.parquet", "split=test/part-00001-of-00002.parquet"


@pytest.fixture
def job(tmp_path: Path, tiny_llama: Path) -> Iterator[Job]:
    write_pairs(tmp_path, COUNT)
    job = open_job(write_manifest(tmp_path, tiny_llama))
    _generate(job)
    yield job


def _generate(job: Job) -> set[str]:
    """Bring the job up to date; the keys that were asked for."""
    engine = ScriptedEngine()
    generate_all(job, make_engine=lambda: engine)
    return set(engine.asked)


def _keys(job: Job, *names: str) -> set[str]:
    return {row.key for name in names for row in read_shard(job.storage, name).rows}


def _flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(content)


def _swap(first: Path, second: Path) -> None:
    aside = first.with_name("aside")
    first.rename(aside)
    second.rename(first)
    aside.rename(second)


def _pad(output: Path) -> None:
    """Another shard of the same size: what a look at sizes cannot tell."""
    content = (output / TRAIN).read_bytes()
    (output / TRAIN).write_bytes((output / TRAIN_1).read_bytes()[: len(content)].ljust(len(content), b"\0"))


DAMAGE: dict[str, tuple[Callable[[Path], object], tuple[str, ...], str]] = {
    "a flipped bit in the footer's length": (lambda o: _flip(o / TRAIN, -6), (TRAIN,), "cannot be read as Parquet"),
    "a flipped bit in the footer": (lambda o: _flip(o / TRAIN, -20), (TRAIN,), "SHA-256"),
    "a flipped bit in a page": (lambda o: _flip(o / TRAIN, 500), (TRAIN,), "SHA-256"),
    "cut off": (lambda o: (o / TRAIN).write_bytes((o / TRAIN).read_bytes()[:-50]), (TRAIN,), "cannot be read"),
    "cut off, and filled up with zeros": (_pad, (TRAIN,), "cannot be read as Parquet"),
    "empty": (lambda o: (o / TRAIN).write_bytes(b""), (TRAIN,), "cannot be read as Parquet"),
    "a shard's copy in place of another": (
        lambda o: shutil.copy(o / TRAIN_1, o / TRAIN),
        (TRAIN,),
        f"holds the rows of {TRAIN_1}; it was moved",
    ),
    "a copy from another split": (lambda o: shutil.copy(o / TEST, o / TRAIN), (TRAIN,), "holds the rows of split=test"),
    "gone": (lambda o: (o / TRAIN).unlink(), (TRAIN,), "is gone, although its receipt lists it"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_shard_alone_is_made_again_and_kept_aside(
    job: Job, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = Path(job.output)
    damage, lost, words = DAMAGE[kind]
    before, keys = all_rows(output), _keys(job, *lost)
    digests = {path: file_digest(path) for path in find_shards(output)}
    damage(output)
    broken = {name: (output / name).read_bytes() for name in lost if (output / name).exists()}
    capsys.readouterr()
    assert _generate(job) == keys
    said = capsys.readouterr().err
    assert words in said and lost[0] in said
    assert all_rows(output) == before
    assert {path: file_digest(path) for path in find_shards(output) if path != output / TRAIN} == {
        path: digest for path, digest in digests.items() if path != output / TRAIN
    }
    assert {name: (output / "_damaged" / name).read_bytes() for name in broken} == broken
    assert _generate(job) == set()


@pytest.mark.parametrize(("one", "other"), [(TRAIN, TRAIN_1), (TRAIN, TEST)])
def test_swapped_shards_get_their_names_again_and_nothing_is_generated(
    job: Job, one: str, other: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = Path(job.output)
    digests = {path: file_digest(path) for path in find_shards(output)}
    _swap(output / one, output / other)
    assert _generate(job) == set()
    assert {path: file_digest(path) for path in find_shards(output)} == digests
    assert f"{one} holds the rows of {other}; it has its own name again" in capsys.readouterr().err
    assert not [path for path in (output / "_damaged").rglob("*") if path.is_file()]


def test_a_moved_shard_is_put_back(job: Job) -> None:
    output = Path(job.output)
    digests = {path: file_digest(path) for path in find_shards(output)}
    (output / "split=val").mkdir()
    (output / TRAIN).rename(output / TRAIN.replace("train", "val"))
    assert _generate(job) == set()
    assert {path: file_digest(path) for path in find_shards(output)} == digests


@pytest.mark.parametrize(
    "name",
    [
        "part-00000-of-00003.parquet",
        "part-00002-of-00002.parquet",
        "part-0-of-2.parquet",
        "part-00000-of-00002 (1).parquet",
    ],
)
def test_stray_part_files_are_moved_aside(job: Job, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    output = Path(job.output)
    rows = all_rows(output)
    shutil.copy(output / TRAIN, output / "split=train" / name)
    assert _generate(job) == set()
    assert all_rows(output) == rows
    assert not (output / "split=train" / name).exists() and (output / "_damaged" / "split=train" / name).exists()
    assert f"split=train/{name} is no shard of this output" in capsys.readouterr().err


def test_ids_and_splits_are_compared_with_the_plan(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    """As whoever edits shards and receipts alike may leave them."""
    output = Path(job.output)
    before = all_rows(output)
    for changes, words in (
        ({"id": "stranger"}, "holds ids that are not planned for it, such as 'stranger'"),
        ({"split": "test"}, "holds rows of the splits test, train"),
    ):
        shard = read_shard(job.storage, TRAIN)
        first, *rest = shard.rows
        rows = [replace(first, **changes), *rest]
        digest, size = write_shard(job.storage, TRAIN, rows, shard.provenance)
        receipt = read_receipt(job.storage, 0)
        assert receipt is not None
        entry = ShardReceipt(digest, size, len(rows), count_statuses(rows))
        write_receipt(job.storage, replace(receipt, shards={**receipt.shards, TRAIN: entry}))
        assert _generate(job) == {row.key for row in shard.rows}
        assert words in capsys.readouterr().err
        assert all_rows(output) == before


def test_a_flipped_bit_is_not_carried_into_a_new_shard(job: Job, tmp_path: Path) -> None:
    """A bucket that is written anew is read, so that its digest is compared."""
    output = Path(job.output)
    keys = _keys(job, TRAIN)
    before = all_rows(output)
    table = pq.read_table(output / TRAIN, partitioning=None)
    old = table["explanation"][0].as_py().encode()
    content = (output / TRAIN).read_bytes()
    at = content.find(old[:12])
    _flip(output / TRAIN, at if at > 0 else len(content) // 2)
    receipt = read_receipt(job.storage, 0)
    assert receipt is not None
    write_receipt(job.storage, replace(receipt, plan="of other pairs"))
    assert _generate(job) == keys
    assert all_rows(output) == before


def test_a_receipt_that_cannot_be_read_is_written_again(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    output = Path(job.output)
    receipts = output / "_receipts"
    (receipts / "bucket-00000.json").write_text("{")
    assert _generate(job) == set()
    assert read_receipt(job.storage, 0) is not None
    assert "the receipt is not JSON" in capsys.readouterr().err
    plain = json.loads((receipts / "bucket-00000.json").read_text())
    plain["shards"][TRAIN]["sha256"] = "0" * 64
    (receipts / "bucket-00000.json").write_text(json.dumps(plain))
    assert _generate(job) == set()  # the shards are not taken for damaged
    (receipts / "bucket-00000.json").unlink()
    (receipts / "bucket-00000.json").mkdir()
    assert _generate(job) == set()
    assert (output / "_damaged" / "_receipts" / "bucket-00000.json.2").is_dir()
    shutil.copy(receipts / "bucket-00001.json", receipts / "bucket-00000.json")
    assert _generate(job) == set()
    receipt = read_receipt(job.storage, 0)
    assert receipt is not None and receipt.bucket == 0


@pytest.mark.parametrize("changes", [{"dataset": "another"}, {"num_buckets": 9}])
def test_a_receipt_of_another_output_is_written_again(changes: dict[str, Any], job: Job) -> None:
    receipt = read_receipt(job.storage, 0)
    assert receipt is not None
    write_receipt(job.storage, replace(receipt, **changes))
    assert _generate(job) == set()
    again = read_receipt(job.storage, 0)
    assert again is not None and replace(again, finished_at=receipt.finished_at) == receipt


def test_a_folder_of_another_count_is_still_refused(job: Job, tmp_path: Path, tiny_llama: Path) -> None:
    recut = open_job(write_manifest(tmp_path, tiny_llama, num_shards=3))
    with pytest.raises(PipelineError, match=r"num_shards=2 .* the manifest says 3"):
        _generate(recut)
    assert len(list_shards(job.storage)) == 4


def test_check_says_which_shards_would_be_made_again_and_changes_nothing(job: Job) -> None:
    output = Path(job.output)
    (output / TRAIN).write_bytes((output / TRAIN).read_bytes()[:-50])
    lost = COUNT - len({row.id for name in (TEST, TRAIN_1, TEST_1) for row in read_shard(job.storage, name).rows})
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    report = check_manifest(job.manifest.folder / "tiny.yaml", CheckOptions(probe=0))
    [finding] = [finding for finding in report.findings if finding.code == "damaged_shards"]
    assert finding.count == 1 and f"such as: {TRAIN} " in finding.what and "cannot be read as Parquet" in finding.what
    assert report.work is not None and report.work.to_generate == lost > 0
    assert before == {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
