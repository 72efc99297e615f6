"""What `entityclip serve` says before it serves."""

import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.explanations import some_rows, write_explanations
from tests.support.site import ROOT, served


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    write_explanations(folder, some_rows(20))
    return folder


def _refused(*arguments: object) -> str:
    command = [sys.executable, "-m", "flows.cli", "serve", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    return done.stderr


def test_what_cannot_be_served(output: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        assert f"port {port}" in (said := _refused(output, "--port", port)) and "--port" in said
    assert "no such file" in _refused(tmp_path / "nothing", "--port", 0)
    assert "neither explanations" in _refused(tmp_path, "--port", 0)
    assert "neither a training run nor an index" in _refused(output, "--port", 0, "--arm", f"x={tmp_path}")
    assert "NAME=FOLDER" in _refused(output, "--port", 0, "--arm", tmp_path)


def test_a_shard_alone_and_a_host_that_others_reach(output: Path) -> None:
    shard = sorted(output.rglob("*.parquet"))[0]
    with served(shard, "--host", "0.0.0.0") as site:
        port = httpx.URL(site.address).port
        assert site.process.stderr is not None and "no password" in site.process.stderr.readline()
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        assert client.get("/").status_code == 200
        assert client.get("/", headers={"host": "192.168.0.7"}).status_code == 200
        assert client.get("/", headers={"host": "evil.example"}).status_code == 421
