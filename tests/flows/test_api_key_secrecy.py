"""The servers' API key reaches the servers and nothing else: no file, no database, no line of output."""

from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL

from flows.generate import generate_explanations
from pipeline.errors import PipelineError
from tests.support.dataset import write_manifest, write_pairs
from tests.support.fake_vllm import FakeVllm, status
from tests.support.generation import all_rows

SECRET = "sk-0123456789-do-not-tell"


def _files_with(text: bytes, *folders: Path) -> list[Path]:
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return [path for path in files if text in path.read_bytes()]


def test_no_trace_of_the_key_after_runs_that_fail_and_succeed(
    tmp_path: Path,
    tiny_llama: Path,
    prefect_server: None,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    monkeypatch.setenv("LAB_KEY", SECRET)
    write_pairs(tmp_path, 30)
    with FakeVllm(tiny_llama.name, key=SECRET) as server:
        engine = {"kind": "vllm", "urls": [server.url], "api_key_env": "LAB_KEY", "prompts_per_request": 1}
        manifest = write_manifest(tmp_path, tiny_llama, generation__engine=engine)
        server.faults.extend([status(500, f"you sent Bearer {SECRET}")] * 2)
        server.faults.append(status(401, f"not with Bearer {SECRET}"))
        with pytest.raises(PipelineError, match=r"rejects the API key .*not with Bearer \*\*\*"):
            generate_explanations(manifest)
        server.faults.append(status(400, f"too long for {SECRET}"))
        summary = generate_explanations(manifest)
    assert summary.rows == 30 and summary.engine == "vllm 0.32.0"
    errors = [row.error for row in all_rows(tmp_path / "explanations").values() if row.error]
    assert errors == ['HTTP 400: {"error": "too long for ***"}']

    database = Path(PREFECT_API_DATABASE_CONNECTION_URL.value().split("///", 1)[1]).parent
    assert _files_with(b"rejects the API key", database)  # what is searched holds what was said
    assert not _files_with(SECRET.encode(), tmp_path, database)
    assert _files_with(b"too long for ***", tmp_path)
    captured = capfd.readouterr()
    assert SECRET not in captured.out + captured.err + caplog.text
    assert "rejects the API key" in captured.out + captured.err + caplog.text
