"""A server of our own that dies: rows survive, processes do not. Real processes, the fake's HTTP."""

import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from pipeline.engines.base import Completion, Request
from pipeline.engines.vllm import server as vllm_server
from pipeline.engines.vllm.client import VllmGeneration
from pipeline.engines.vllm.endpoints import Backoff
from pipeline.engines.vllm.server import VllmServer
from pipeline.engines.vllm.supervisor import SupervisedServer
from pipeline.errors import PipelineError
from pipeline.llm import LanguageModel
from pipeline.manifest.generation import Sampling, VllmEngine

ROOT = Path(__file__).parents[4]
MODEL = LanguageModel("llama", "1", "nowhere", is_local=True)
REQUESTS = [Request(f"k{i}", [], [7, i], seed=i, max_tokens=8) for i in range(120)]
SETTINGS = VllmEngine(prompts_per_request=4, concurrency=8, startup_timeout=30)


@pytest.fixture(autouse=True)
def fake_vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is started is the fake: everything else is as with vLLM."""
    program = ROOT / "tests" / "support" / "fake_vllm_process.py"
    monkeypatch.setattr(vllm_server, "installed_vllm", lambda python: ("fake", "0.0"))
    monkeypatch.setattr(vllm_server, "_GRACE_SECONDS", 0.3)
    monkeypatch.setattr(vllm_server, "_POLL_SECONDS", 0.05)
    monkeypatch.setattr("pipeline.engines.vllm.supervisor._POLL_SECONDS", 0.02)
    monkeypatch.setattr(VllmServer, "_environment", lambda self: {**os.environ, "PYTHONPATH": str(ROOT)})
    monkeypatch.setattr(
        VllmServer, "_command", lambda self, port: [sys.executable, str(program), str(port), "llama", "0.02"]
    )


def _engine(log: Path, max_restarts: int) -> VllmGeneration:
    server = VllmServer(MODEL, 64, SETTINGS, Path(sys.executable), log)
    supervised = SupervisedServer(server, max_restarts)
    return VllmGeneration(MODEL, Sampling(), SETTINGS, 64, supervised, Backoff(0.002, 0.02))


def _family() -> dict[str, psutil.Process]:
    """Guard, server and worker, as they run now."""
    (guard,) = [child for child in psutil.Process().children() if "guard.py" in " ".join(child.cmdline())]
    (server,) = guard.children()
    (worker,) = server.children()
    return {"guard": guard, "server": server, "worker": worker}


def _is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("victim", ["server", "guard"])
def test_rows_survive_a_kill_and_processes_do_not(
    victim: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with _engine(tmp_path / "log", max_restarts=1) as engine:
        assert engine.version == "0.0 (fake)" and engine.restarts == 0
        completions = engine.complete(REQUESTS)
        got = [next(completions) for _ in range(20)]
        first = _family()
        first[victim].send_signal(signal.SIGKILL)
        got += completions
        assert engine.restarts == 1
        assert all(_is_gone(process) for process in first.values())
        second = _family()
    assert all(_is_gone(process) for process in second.values())
    assert Counter(c.key for c in got) == Counter(r.key for r in REQUESTS)
    assert all(c.text == f"about 7 {c.key[1:]}" for c in got)
    said = capfd.readouterr().err
    assert said.count("the vLLM server died (its main process exited); restart 1 of at most 1") == 1
    assert (tmp_path / "log").read_text().count("a log line of the fake on") == 2  # the first server's log is kept


def test_after_the_last_restart_the_run_stops_and_can_go_on(tmp_path: Path) -> None:
    got: list[Completion] = []
    with _engine(tmp_path / "log", max_restarts=0) as engine:
        completions = engine.complete(REQUESTS)
        got += [next(completions) for _ in range(20)]
        family = _family()
        family["server"].send_signal(signal.SIGKILL)
        with pytest.raises(PipelineError, match=r"(?s)after 0 restarts.*run again to continue.*a log line of the"):
            got += completions
        assert all(_is_gone(process) for process in family.values())
    keys = [c.key for c in got]
    assert 20 <= len(set(keys)) == len(keys) < len(REQUESTS)


def test_a_server_that_cannot_be_started_again_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _engine(tmp_path / "log", max_restarts=2) as engine:
        completions = engine.complete(REQUESTS)
        next(completions)
        broken = [sys.executable, "-c", "raise SystemExit('\\x1b[31mno room on the GPU')"]
        monkeypatch.setattr(VllmServer, "_command", lambda self, port: broken)
        _family()["server"].send_signal(signal.SIGKILL)
        with pytest.raises(
            PipelineError, match=r"(?s)died \(vLLM exited before.*after 2 restarts.*  \\x1b\[31mno room on the"
        ):
            list(completions)


def test_closing_while_it_is_started_again_waits_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _engine(tmp_path / "log", max_restarts=1) as engine:
        sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]  # never healthy
        monkeypatch.setattr(VllmServer, "_command", lambda self, port: sleeper)
        _family()["server"].send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 20
        while engine.restarts == 0:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert not [c for c in psutil.Process().children() if "guard.py" in " ".join(c.cmdline())]
