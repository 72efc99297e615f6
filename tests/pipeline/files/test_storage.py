"""Local folder, object storage and fsspec behave alike; an upload that is cut leaves what was there."""

import multiprocessing
import os
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.files.storage import open_storage
from pipeline.job import open_job
from pipeline.shards.receipts import read_receipt
from tests.support.dataset import write_manifest, write_pairs
from tests.support.generation import all_rows, generate
from tests.support.killable_generation import generate_in_a_process
from tests.support.s3 import KEY_ID, SECRET, CuttingProxy, s3_server, s3_url
from tests.support.scripted_engine import ScriptedEngine

SPAWN = multiprocessing.get_context("spawn")  # the environment with the credentials goes along


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    with s3_server(monkeypatch) as port:
        yield port


@pytest.mark.parametrize("kind", ["folder", "s3", "fsspec"])
def test_files_come_and_go_whole(kind: str, tmp_path: Path, s3: int) -> None:
    location = {"folder": tmp_path / "x", "s3": s3_url(s3, "some/where"), "fsspec": "memory://some/where"}[kind]
    storage = open_storage(location)
    assert list(storage.files()) == []
    storage.write("split=train/part-00000-of-00001.parquet", b"12345")
    storage.write("_receipts/bucket-00000.json", b"{}")
    storage.write("split=test/part-00000-of-00001.parquet", b"")
    storage.write("split=train/part-00000-of-00001.parquet", b"1234")
    assert [(file.name, file.size) for file in open_storage(location).files()] == [
        ("split=test/part-00000-of-00001.parquet", 0),
        ("split=train/part-00000-of-00001.parquet", 4),
    ]
    assert storage.read("_receipts/bucket-00000.json") == b"{}"
    assert storage.read("split=train/part-00000-of-00001.parquet") == b"1234"
    storage.delete("_receipts/bucket-00000.json")
    storage.delete("_receipts/bucket-00000.json")
    with pytest.raises(FileNotFoundError):
        storage.read("_receipts/bucket-00000.json")


def test_wrong_urls_are_refused() -> None:
    with pytest.raises(PipelineError, match="contains credentials; remove them and set them in the environment"):
        open_storage(f"s3://{KEY_ID}:{SECRET}@shards/x")
    with pytest.raises(PipelineError, match=r"no-such-scheme://x cannot be opened: .*Unrecognized filesystem"):
        open_storage("no-such-scheme://x")


def test_generation_to_s3_equals_generation_to_a_folder(tmp_path: Path, tiny_llama: Path, s3: int) -> None:
    write_pairs(tmp_path, 30)
    generate(open_job(write_manifest(tmp_path, tiny_llama)), ScriptedEngine())
    job = open_job(write_manifest(tmp_path, tiny_llama, output=s3_url(s3, "tiny"), work="work"))
    engine = ScriptedEngine()
    generate(job, engine, limit=10)
    generate(job, engine)
    generate(job, engine)
    assert len(engine.asked) == 30
    assert all_rows(job.output) == all_rows(tmp_path / "explanations")
    assert not list((tmp_path / "work" / "_spool").iterdir())
    contents = [job.storage.read(file.name) for file in job.storage.files()]
    contents += [path.read_bytes() for path in (tmp_path / "work").rglob("*") if path.is_file()]
    assert len(contents) > 4
    assert not any(secret.encode() in content for content in contents for secret in (KEY_ID, SECRET))


@pytest.mark.slow
def test_killed_while_a_shard_is_uploaded(tmp_path: Path, tiny_llama: Path, s3: int) -> None:
    write_pairs(tmp_path, 30)
    processes: list[BaseProcess] = []
    proxy = CuttingProxy(s3, b"part-00001", lambda: processes[0].kill())
    manifest = write_manifest(tmp_path, tiny_llama, output=s3_url(proxy.port, "tiny"), work="work")
    asked = tmp_path / "asked.log"
    news, theirs = SPAWN.Pipe(duplex=False)
    processes.append(SPAWN.Process(target=generate_in_a_process, args=(manifest, asked, 0, theirs)))
    processes[0].start()
    processes[0].join()
    proxy.close()
    assert proxy.has_cut.is_set() and processes[0].exitcode == -9
    assert news.recv() == "begun"

    job = open_job(write_manifest(tmp_path, tiny_llama, output=s3_url(s3, "tiny"), work="work"))
    names = [file.name for file in job.storage.files()]
    assert names and not any("part-00001" in name for name in names)
    assert read_receipt(job.storage, 0) is not None and read_receipt(job.storage, 1) is None
    before = asked.read_text().split()
    engine = ScriptedEngine()
    generate(job, engine)
    rows = all_rows(job.output)
    assert set(rows) == {f"p{i}" for i in range(30)}
    assert not engine.asked and len(before) == 30  # the answers were in the spool


def _write_large(url: str, content: bytes) -> None:
    open_storage(url).write("split=train/part-00000-of-00001.parquet", content)


@pytest.mark.slow
def test_a_killed_upload_in_parts_leaves_the_old_object(s3: int) -> None:
    storage = open_storage(s3_url(s3, "large"))
    storage.write("split=train/part-00000-of-00001.parquet", b"old")
    processes: list[BaseProcess] = []
    proxy = CuttingProxy(s3, b"partNumber=2", lambda: processes[0].kill())
    processes.append(SPAWN.Process(target=_write_large, args=(s3_url(proxy.port, "large"), os.urandom(24 << 20))))
    processes[0].start()
    processes[0].join()
    proxy.close()
    assert proxy.has_cut.is_set() and processes[0].exitcode == -9
    assert storage.read("split=train/part-00000-of-00001.parquet") == b"old"
