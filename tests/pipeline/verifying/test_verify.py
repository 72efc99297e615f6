"""Whatever is changed in an output is found, nothing is found in a whole one, and a repair loses nothing."""

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from entityclip.contract.receipts import ShardReceipt
from pipeline.errors import PipelineError
from pipeline.files.storage import open_storage
from pipeline.generation.generate import generate
from pipeline.job import Job, open_job
from pipeline.packing.pack import pack
from pipeline.shards.receipts import read_receipt, write_receipt
from pipeline.shards.shard import Row, count_statuses, read_shard, write_shard
from pipeline.verifying.repair import repair
from pipeline.verifying.verify import Verification, verify
from tests.support.dataset import write_manifest, write_pairs
from tests.support.generation import all_rows, file_digest
from tests.support.s3 import s3_server, s3_url
from tests.support.scripted_engine import ScriptedEngine

MADE = Path(__file__).parents[2] / "data" / "made_at_8fdae99"
TRAIN, TEST = "split=train/part-00000-of-00002.parquet", "split=test/part-00000-of-00002.parquet"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_llama: Path) -> Job:
    folder = tmp_path_factory.mktemp("made")
    write_pairs(folder, 40)
    job = open_job(write_manifest(folder, tiny_llama))
    _generate(job)
    return job


@pytest.fixture
def output(made: Job, tmp_path: Path) -> Path:
    return shutil.copytree(made.output, tmp_path / "out")


def _generate(job: Job, limit: int | None = None) -> list[str]:
    engine = ScriptedEngine()
    generate(job, limit, make_engine=lambda: engine)
    return engine.asked


def _files(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): file_digest(p) for p in folder.rglob("*") if p.is_file()}


def test_a_whole_output_has_no_fault(made: Job, output: Path) -> None:
    for found in (verify(output), verify(made.output, made)):
        assert (found.state, found.rows, found.shards, found.compared) == ("whole", 40, 4, 2)
        assert not (found.damaged or found.strays or found.missing or found.unfinished)
        json.dumps(found.as_plain())
    shutil.rmtree(output / "_plan")
    assert (verify(output).state, verify(output).compared) == ("whole", 0)


@pytest.mark.parametrize(("folder", "state", "rows"), [("explanations", "whole", 54), ("packed", "whole", 53)])
def test_outputs_of_before_are_whole(folder: str, state: str, rows: int) -> None:
    found = verify(MADE / folder)
    assert (found.state, found.rows) == (state, rows)


def test_any_flipped_bit_is_found(output: Path) -> None:
    chosen = random.Random(8)
    files = sorted([*output.glob("split=*/*.parquet"), *output.glob("_receipts/*.json")])
    for _ in range(40):
        path = chosen.choice(files)
        before = path.read_bytes()
        after = bytearray(before)
        after[chosen.randrange(len(after))] ^= 1 << chosen.randrange(8)
        path.write_bytes(after)
        found = verify(output)
        if path.suffix == ".parquet":
            assert [fault.name for fault in found.damaged] == [str(path.relative_to(output))]
        else:  # of a receipt, the date alone may be any text
            assert found.state != "whole" or json.loads(after)["finished_at"] != json.loads(before)["finished_at"]
        path.write_bytes(before)
    assert verify(output).state == "whole"


def _rewrite(output: Path, change: Callable[[list[Row]], list[Row]]) -> None:
    """As whoever edits a shard and its receipt alike."""

    storage = open_storage(output)
    shard = read_shard(storage, TRAIN)
    rows = change(shard.rows)
    digest, size = write_shard(storage, TRAIN, rows, shard.provenance)
    receipt = read_receipt(storage, 0)
    assert receipt is not None
    entry = ShardReceipt(digest, size, len(rows), count_statuses(rows))
    write_receipt(storage, replace(receipt, shards={**receipt.shards, TRAIN: entry}))


EDITS: dict[str, tuple[dict[str, Any], str]] = {
    "an id": ({"id": "stranger"}, "1 rows that are not planned for it, such as id 'stranger'"),
    "a caption": ({"caption": "another"}, "1 rows with another caption than planned"),
    "an image": ({"image": "another.png"}, "1 rows with another image than planned"),
    "a split": ({"split": "test"}, "1 rows of another split than 'train'"),
    "a key": ({"key": "ffffffff" * 4}, "1 rows whose key belongs to another shard"),
    "a status": ({"explanation": None}, "1 rows whose status promises an explanation that they lack"),
    "a text of what was never sent": ({"status": "bad_image"}, "1 rows that have a text although never sent"),
    "an error": ({"status": "error", "raw_text": None, "explanation": None}, "1 rows of status error without an error"),
}


@pytest.mark.parametrize("kind", EDITS)
def test_rows_are_compared_with_their_plan_and_with_each_other(output: Path, kind: str) -> None:
    changes, words = EDITS[kind]
    _rewrite(output, lambda rows: [replace(rows[0], **changes), *rows[1:]])
    found = verify(output)
    assert [fault.name for fault in found.damaged] == [TRAIN]
    assert words in found.damaged[0].why


def test_rows_that_are_twice_or_gone_are_found(output: Path) -> None:
    _rewrite(output, lambda rows: [*rows, rows[0]])
    [fault] = verify(output).damaged
    assert "1 ids that occur before in it" in fault.why
    _rewrite(output, lambda rows: rows[2:])
    [fault] = verify(output).damaged
    assert (fault.name, fault.why) == (
        "_receipts/bucket-00000.json",
        "records 0 pending pairs, but 1 have no row",
    )


def _swap(output: Path) -> None:
    (output / TRAIN).rename(output / "aside")
    (output / TEST).rename(output / TRAIN)
    (output / "aside").rename(output / TEST)


def _damage_all(output: Path) -> None:
    """One of each kind; the shards of bucket 1 are cut off or gone."""
    _swap(output)
    torn, gone = (output / name.replace("00000-of", "00001-of") for name in (TRAIN, TEST))
    torn.write_bytes(torn.read_bytes()[:-9])
    gone.unlink()
    shutil.copy(output / TRAIN, output / "split=train" / "part-00000-of-00007.parquet")
    (output / "_receipts" / "bucket-00000.json").write_text("{}")


def test_a_repair_moves_aside_and_what_was_damaged_is_made_again(made: Job, tmp_path: Path, tiny_llama: Path) -> None:
    output = Path(shutil.copytree(made.output, tmp_path / "out"))
    job = open_job(made.manifest.folder / "tiny.yaml", output=output)
    before, rows = _files(output), all_rows(output)
    _swap(output)
    found = verify(output)
    assert {fault.name: fault.belongs for fault in found.damaged} == {TRAIN: TEST, TEST: TRAIN}
    assert all(line.endswith("it has its own name again") for line in repair(found))
    assert _files(output) == before and verify(output).state == "whole"

    _damage_all(output)
    broken = {name: digest for name, digest in _files(output).items() if not name.startswith("_plan")}
    found = verify(output)
    assert found.state == "damaged" and len(found.damaged) == 4
    assert found.strays == ["split=train/part-00000-of-00007.parquet"]
    assert found.missing == [TEST.replace("00000-of", "00001-of")]
    lines = repair(found, job)
    assert len(lines) == 5 and "_damaged/" in "".join(lines)
    kept = set(_files(output).values())
    assert kept >= set(broken.values()), "nothing is deleted"
    assert verify(output).state != "whole"
    _generate(job)
    assert all_rows(output) == rows and verify(output, job).state == "whole"
    assert repair(verify(output)) == []


def test_a_limited_output_is_partial_and_changed_data_make_it_outdated(tmp_path: Path, tiny_llama: Path) -> None:
    records = write_pairs(tmp_path, 20)
    manifest = write_manifest(tmp_path, tiny_llama)
    job = open_job(manifest)
    _generate(job, limit=12)
    for found in (verify(job.output), verify(job.output, job)):
        assert (found.state, found.pending, found.rows, found.compared) == ("partial", 8, 12, 2)
    _generate(job)
    lines = [json.dumps(records[0] | {"caption": "another caption"}), *map(json.dumps, records[1:])]
    (tmp_path / "pairs.jsonl").write_text("\n".join(lines) + "\n")
    found = verify(job.output, open_job(manifest))
    assert found.state == "outdated" and found.outdated and not found.is_damaged
    assert verify(job.output).state == "whole"


def test_packed_shards_are_verified_and_packed_again(output: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    pack(output, packed)
    assert (verify(packed).state, verify(packed).kind) == ("whole", "packed")
    before = {name: digest for name, digest in _files(packed).items() if name.endswith(".parquet")}
    content = bytearray((packed / TRAIN).read_bytes())
    content[len(content) // 2] ^= 1
    (packed / TRAIN).write_bytes(content)
    found = verify(packed)
    assert [fault.name for fault in found.damaged] == [TRAIN]
    assert len(repair(found)) == 2  # the shard, and the receipt that `pack` would trust
    pack(output, packed)
    now = {name: digest for name, digest in _files(packed).items() if name in before}
    assert now == before and verify(packed).state == "whole"


def test_object_storage_is_verified_and_repaired(
    tmp_path: Path, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pairs(tmp_path, 20)
    with s3_server(monkeypatch) as port:
        url = s3_url(port, "tiny")
        job = open_job(write_manifest(tmp_path, tiny_llama, output=url, work="work"))
        _generate(job)
        rows = all_rows(url)
        found = verify(url, job)
        assert (found.state, found.rows, found.compared) == ("whole", 20, 2)
        content = bytearray(job.storage.read(TRAIN))
        content[300] ^= 1
        job.storage.write(TRAIN, bytes(content))
        job.storage.move(TEST, TEST.replace("test", "val"))
        found = verify(url, job)
        assert {fault.name for fault in found.damaged} == {TRAIN, TEST.replace("test", "val")}
        repair(found, job)
        lost = [
            row.key
            for row in rows.values()
            if row.split == "train" and row.key not in {row.key for row in all_rows(url).values()}
        ]
        assert sorted(_generate(job)) == sorted(lost)
        assert all_rows(url) == rows and verify(url, job).state == "whole"


def test_what_is_no_output_is_said(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"has no explanations .* to verify"):
        verify(tmp_path)
    assert Verification("x").state == "whole"
