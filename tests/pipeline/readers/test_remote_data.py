"""Datasets and images at URLs: an S3 server, an HTTP server, and fsspec's own file system in memory."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.fs as pa_fs
import pytest

from entityclip.contract.status import Status
from pipeline.errors import PipelineError
from pipeline.images.check import image_problem
from pipeline.job import open_job
from tests.pipeline.readers.test_webdataset import tar
from tests.support.dataset import write_manifest
from tests.support.generation import all_rows, generate
from tests.support.own_data import own_manifest, pairs_of, picture, put, put_parquet
from tests.support.s3 import s3_server, s3_url
from tests.support.scripted_engine import ScriptedEngine


def _data(folder: Path) -> None:
    """Every kind of file, below one folder."""
    put(folder / "pairs.csv", "image,caption,split\na.png,Ann at Ascot,train\nno.png,Nobody,train\n../up.png,Up,test\n")
    put(folder / "a.png", picture(1))
    put_parquet(folder / "data" / "train-0.parquet", {"image": [picture(1)], "text": ["Ann at Ascot"]})
    put_parquet(folder / "data" / "val-0.parquet", {"image": [picture(2)], "text": ["Kofi"]})
    put(folder / "tars" / "test-0.tar", tar({"1.jpg": picture(1), "1.txt": b"Ann at Ascot"}))
    put(folder / "pictures" / "train" / "b.png", picture(3))
    put(folder / "pictures" / "train" / "b.txt", "Kofi")


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A function that gives the URL of a path in a bucket that holds the data."""
    _data(tmp_path / "there")
    with s3_server(monkeypatch) as port:
        filesystem, path = pa_fs.FileSystem.from_uri(s3_url(port, "mine"))
        pa_fs.copy_files(str(tmp_path / "there"), path, destination_filesystem=filesystem)
        yield lambda name: s3_url(port, f"mine/{name}")


def test_every_kind_is_read_from_object_storage(bucket: Any, tmp_path: Path) -> None:
    csv, _ = pairs_of(tmp_path, {"kind": "csv", "file": bucket("pairs.csv")})
    assert [(p.image, p.split) for p in csv] == [("a.png", "train"), ("no.png", "train"), ("../up.png", "test")]
    parquet, notes = pairs_of(tmp_path, {"kind": "parquet", "file": bucket("data/*-*.parquet")})
    assert [(p.caption, p.split) for p in parquet] == [("Ann at Ascot", "train"), ("Kofi", "val")]
    assert "127.0.0.1" not in notes[0]
    tars, _ = pairs_of(tmp_path, {"kind": "webdataset", "file": bucket("tars/test-{0..0}.tar")})
    assert [(p.id, p.split) for p in tars] == [("test-0/1", "test")]
    assert tars[0].image == parquet[0].image
    dataset = {"kind": "folder", "root": bucket("pictures")}
    folder, _ = pairs_of(tmp_path, dataset)
    assert [(p.id, p.split, p.caption) for p in folder] == [("train/b", "train", "Kofi")]
    for missing in ("none.csv", "none-*.csv"):
        with pytest.raises(PipelineError, match="none"):
            pairs_of(tmp_path, {"kind": "csv", "file": bucket(missing)})


def test_images_below_a_url_are_fetched_for_the_rows_of_a_run(bucket: Any, tmp_path: Path, tiny_llama: Path) -> None:
    dataset = {"kind": "csv", "file": bucket("pairs.csv"), "images": "copies"}
    job = open_job(write_manifest(tmp_path, tiny_llama, dataset=dataset))
    generate(job, ScriptedEngine(), limit=1)
    assert [path.name for path in (tmp_path / "copies").rglob("*.*")] == ["a.png"]
    generate(job, ScriptedEngine())
    bad = {row.image for row in all_rows(job.output).values() if row.status == Status.BAD_IMAGE}
    assert bad == {"no.png", "../up.png"}
    assert image_problem(job.manifest.image_root, "a.png") is None
    assert not (tmp_path / "up.png").exists()


def test_a_web_server_and_other_file_systems(tmp_path: Path) -> None:
    _data(tmp_path / "there")
    handler = functools.partial(_Quiet, directory=str(tmp_path / "there"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert len(pairs_of(tmp_path, {"kind": "csv", "file": f"{url}/pairs.csv"})[0]) == 3
        assert len(pairs_of(tmp_path, {"kind": "webdataset", "file": f"{url}/tars/test-0.tar"})[0]) == 1
        server.shutdown()
    import fsspec

    fsspec.filesystem("memory").pipe("/mine/pairs.csv", (tmp_path / "there" / "pairs.csv").read_bytes())
    pairs, _ = pairs_of(tmp_path, {"kind": "csv", "file": "memory://mine/*.csv"})
    assert len(pairs) == 3


@pytest.mark.parametrize("url", ["s3://key:secret@bucket/x.csv", "nonsense://x/y.csv", "https://me:secret@host/x.csv"])
def test_a_url_that_cannot_be(url: str, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"contains credentials|cannot be opened") as raised:
        pairs_of(tmp_path, {"kind": "csv", "file": url})
    assert "secret" not in str(raised.value)
    assert own_manifest(tmp_path, {"kind": "csv", "file": url}).image_root == tmp_path / ".work" / "own-images"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass
