"""The command as a person meets it: exit codes, messages without tracebacks."""

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from flows.cli.main import main
from pipeline.checking.check import check_manifest
from pipeline.generation.spool import read_spool
from tests.support.dataset import write_manifest, write_pairs
from tests.support.generation import all_rows
from tests.support.prefect_lab import wait_for
from tests.support.slow_vllm import write_slow_dataset

TRAIN = Path(__file__).parents[3] / "data_manifests" / "heraldry" / "train.yaml"


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["entityclip", *map(str, arguments)])
    monkeypatch.setenv("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    with pytest.raises(SystemExit) as exit_:
        main()
    return int(exit_.value.code or 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "none.yaml"], "no manifest at none.yaml"),
        (["generate", "none.yaml"], "no manifest at none.yaml"),
        (["generate", "\x1b[2J.yaml"], "no manifest at \\x1b[2J.yaml"),
        (["train", "none.yaml", "--out", "run"], "no training settings at none.yaml"),
        (["train", TRAIN, "--out", "run", "--set", "optim.stepz=3"], "stepz"),
        (["train", TRAIN, "--out", "run", "--set", "towers.model=local-dir:nowhere"], "nowhere"),
        (["evaluate", "none"], "no checkpoint at none/checkpoint"),
    ],
)
def test_a_users_mistake_is_a_message(
    arguments: list[object],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _run(monkeypatch, *arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert message in err
    assert "Traceback" not in err


@pytest.mark.slow
def test_unusable_data_is_named_by_the_flow_without_a_traceback(
    tmp_path: Path, tiny_llama: Path, prefect_server: None
) -> None:
    """As a process of its own: Prefect's log must not put a traceback before the message either."""
    from prefect.settings import PREFECT_API_URL

    write_pairs(tmp_path, 3)
    bad = write_manifest(tmp_path, tiny_llama, dataset__root="nowhere")
    result = subprocess.run(
        [sys.executable, "-m", "flows.cli", "generate", str(bad)],
        env={**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2, result.stderr
    assert "no image root at" in result.stderr
    assert "set dataset.root in the manifest" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_generate_then_generate_again(
    tmp_path: Path,
    tiny_llama: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_pairs(tmp_path, 6)
    manifest = write_manifest(tmp_path, tiny_llama)
    assert _run(monkeypatch, "generate", manifest, "--limit", 4) == 0
    assert "generated 4; reused 0; pending 2" in capsys.readouterr().out
    assert _run(monkeypatch, "generate", manifest) == 0
    out = capsys.readouterr().out
    assert "generated 2; reused 4; pending 0" in out
    truncated = [row for row in all_rows(tmp_path / "explanations").values() if row.status == "truncated"]
    hint = f"{len(truncated)} truncated: "  # the tiny LLM rambles
    (command,) = [re.split(r"entityclip (?=generate)", line)[1] for line in out.splitlines() if line.startswith(hint)]
    assert _run(monkeypatch, *shlex.split(command)) == 0
    out = capsys.readouterr().out
    assert f"generated {len(truncated)}; reused {6 - len(truncated)}; pending 0" in out
    redone = all_rows(tmp_path / "explanations")
    assert all((redone[row.id].completion_tokens or 0) > 8 for row in truncated)  # the manifest's budget is 8
    other = write_manifest(tmp_path, tiny_llama, name="other")
    assert _run(monkeypatch, "generate", other) == 2
    assert "contains shards of dataset 'tiny'" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated"), (signal.SIGKILL, -9, "")],
)
def test_a_signal_ends_the_command_and_all_that_it_started_and_keeps_what_was_answered(
    number: signal.Signals, code: int, word: str, tmp_path: Path, tiny_llama: Path
) -> None:
    """A vLLM server that the command starts, with a worker that ignores SIGTERM; only the command gets the signal."""
    rows = 400
    manifest = write_slow_dataset(tmp_path / "data", tiny_llama, "tiny", rows, seconds=0.2, num_shards=2)
    spool = manifest.parent / "explanations" / "_spool"
    command = [sys.executable, "-m", "flows.cli", "generate", str(manifest)]
    environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr is not None
    wait_for(lambda: _answers(spool) >= 10)
    family = psutil.Process(process.pid).children(recursive=True)
    assert sum("fake_vllm_process" in " ".join(child.cmdline()) for child in family) == 1 < len(family)
    process.send_signal(number)
    assert process.wait() == code
    wait_for(lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in family))
    said = process.stderr.read()
    assert "Traceback" not in said
    assert (f"{word}: finished work is kept; run the same command to continue" in said) == bool(word)
    kept = _answers(spool) + len(all_rows(manifest.parent / "explanations"))
    assert 10 <= kept < rows
    work = check_manifest(manifest).work
    assert work is not None
    assert work.to_generate == rows - kept


def _answers(spool: Path) -> int:
    return sum(len(session.completions) for path in spool.glob("*") for session in read_spool(path))
