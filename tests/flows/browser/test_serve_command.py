"""What `entityclip serve` says before it serves."""

import socket
import sys
from pathlib import Path

import httpx
import pytest

from flows.cli.main import main
from tests.support.dataset import write_manifest
from tests.support.explanations import some_rows, write_explanations
from tests.support.site import served


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    write_explanations(folder, some_rows(20))
    return folder


def test_what_cannot_be_served(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def _refused(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["entityclip", "serve", *map(str, arguments)])
        with pytest.raises(SystemExit, match="2"):
            main()
        return capsys.readouterr().err

    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        assert f"port {port}" in (said := _refused(output, "--port", port)) and "--port" in said
    assert "no such file" in _refused(tmp_path / "nothing", "--port", 0)
    assert "neither explanations" in _refused(tmp_path, "--port", 0)
    assert "neither a training run nor an index" in _refused(output, "--port", 0, "--arm", f"x={tmp_path}")
    assert "NAME=FOLDER" in _refused(output, "--port", 0, "--arm", tmp_path)
    assert "nowhere.yaml" in _refused(output, "--port", 0, "--explain", tmp_path / "nowhere.yaml")
    manifest = write_manifest(tmp_path, tmp_path, generation__send_image=True)
    assert "send_image is set, so queries alone" in _refused(output, "--port", 0, "--explain", manifest)


def test_a_shard_alone_and_a_host_that_others_reach(output: Path) -> None:
    shard = sorted(output.rglob("*.parquet"))[0]
    with served(shard, "--host", "0.0.0.0") as site:
        port = httpx.URL(site.address).port
        assert site.process.stderr is not None and "no password" in site.process.stderr.readline()
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        assert client.get("/").status_code == 200
        assert client.get("/", headers={"host": "192.168.0.7"}).status_code == 200
        assert client.get("/", headers={"host": "evil.example"}).status_code == 421
