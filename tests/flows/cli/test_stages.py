"""Commands run without Prefect unless a server is configured, and as flows if one is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, Settings

from flows.cli.main import main
from flows.orchestration.server import is_server_configured
from tests.support.dataset import write_manifest, write_pairs
from tests.support.generation import all_rows
from tests.support.prefect_lab import ROOT, free_port

_WITHOUT_PREFECT = """
import sys
from flows.cli.main import main
sys.argv = ["entityclip", "generate", sys.argv[1]]
try:
    main()
finally:
    assert "prefect" not in sys.modules
"""
_NAMES = ("PREFECT_API_URL", "PREFECT_PROFILE", "PREFECT_HOME", "PREFECT_PROFILES_PATH")


@pytest.fixture
def unconfigured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory and an empty home."""
    for name in _NAMES:
        monkeypatch.delenv(name, raising=False)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    return here


@pytest.mark.slow
def test_without_a_server_prefect_is_not_even_imported(tmp_path: Path, tiny_llama: Path, unconfigured: Path) -> None:
    write_pairs(tmp_path, 5)
    manifest = write_manifest(tmp_path, tiny_llama)
    command = [sys.executable, "-c", _WITHOUT_PREFECT, str(manifest)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "generated 5" in done.stdout
    assert len(all_rows(tmp_path / "explanations")) == 5


def test_with_a_server_the_command_is_a_flow_run(
    tmp_path: Path,
    tiny_llama: Path,
    prefect_server: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_pairs(tmp_path, 4)
    manifest = write_manifest(tmp_path, tiny_llama)
    url = str(PREFECT_API_URL.value())
    monkeypatch.setenv("PREFECT_API_URL", url)
    monkeypatch.setattr(sys, "argv", ["entityclip", "generate", str(manifest)])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert not exit_.value.code
    assert f"this run is recorded at {url}" in capsys.readouterr().err
    with get_client(sync_client=True) as client:
        (run,) = [run for run in client.read_flow_runs() if run.parameters.get("manifest") == str(manifest)]
    assert run.state is not None and run.state.is_completed()
    assert str(run.state.message).endswith("generated 4, reused 0")


def test_a_server_that_does_not_answer_is_named_before_any_work(
    tmp_path: Path, tiny_llama: Path, unconfigured: Path
) -> None:
    write_pairs(tmp_path, 4)
    manifest = write_manifest(tmp_path, tiny_llama)
    url = f"http://127.0.0.1:{free_port()}/api"
    for arguments, server, message in (
        (["generate", str(manifest)], url, f"error: the Prefect server at {url} does not answer"),
        (["clear-stale-runs"], "", "error: no Prefect server is configured"),
    ):
        command = [sys.executable, "-m", "flows.cli", *arguments]
        environment = {**os.environ, "PREFECT_API_URL": server}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert message in done.stderr and "make up" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "explanations").exists()


_PROFILE = 'active = "{}"\n[profiles.team]\nPREFECT_API_URL = "http://prefect.example:4200/api"\n[profiles.alone]\n'


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (None, "", False),
        ("home/profiles.toml", _PROFILE.format("team"), True),
        ("home/profiles.toml", _PROFILE.format("alone"), False),
        ("here/.env", "PREFECT_API_URL=http://prefect.example:4200/api\n", True),
        ("here/.env", "PREFECT_LOGGING_LEVEL=ERROR\n", False),
        ("here/prefect.toml", '[api]\nurl = "http://prefect.example:4200/api"\n', True),
        ("here/pyproject.toml", '[tool.prefect.api]\nurl = "http://prefect.example:4200/api"\n', True),
        ("here/pyproject.toml", '[project]\ndependencies = ["prefect"]\n', False),
    ],
)
def test_a_server_is_found_where_prefect_finds_it(
    name: str | None, text: str, expected: bool, tmp_path: Path, unconfigured: Path
) -> None:
    if name is not None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert (is_server_configured(), bool(Settings().api.url)) == (expected, expected)


def test_the_variable_wins(unconfigured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://prefect.example:4200/api")
    assert is_server_configured()
    monkeypatch.setenv("PREFECT_API_URL", "")
    assert not is_server_configured()
