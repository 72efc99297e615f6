"""When a process is taken for dead."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect.client.schemas.objects import Artifact, FlowRun
from prefect.states import Pending, Running, State

from flows.orchestration.liveness import began, this_process, why_gone


def _run(state: State[Any], seconds_ago: float = 0.0) -> FlowRun:
    state.timestamp = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    return FlowRun(flow_id="00000000-0000-0000-0000-000000000000", state=state)


def _sign(seconds_ago: float, **changes: str) -> Artifact:
    return Artifact(updated=datetime.now(UTC) - timedelta(seconds=seconds_ago), metadata_={**this_process(), **changes})


def test_a_process_of_this_machine_is_looked_up() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    its = {"pid": str(child.pid), "began": began(child.pid)}
    assert why_gone(_run(Running()), _sign(9999, **its)) is None, "silent, but there"
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, and not yet buried
    assert "is gone" in (why_gone(_run(Running()), _sign(0, **its)) or ""), "a corpse is no process"
    child.wait()
    assert f"process {child.pid}" in (why_gone(_run(Running()), _sign(0, **its)) or "")
    reused = {"pid": str(os.getpid()), "began": "1"}
    assert why_gone(_run(Running()), _sign(0, **reused)) is not None, "another process with its number"


def test_elsewhere_silence_counts() -> None:
    for elsewhere in ({"host": "far"}, {"boot": "before the crash"}, {"pids": "another container"}):
        assert why_gone(_run(Running()), _sign(60, **elsewhere), silent_seconds=120) is None
        assert "silent for" in (why_gone(_run(Running()), _sign(180, **elsewhere), silent_seconds=120) or "")


def test_what_never_showed_itself_has_a_long_time() -> None:
    assert why_gone(_run(Pending(), 600), None) is None
    assert why_gone(_run(Pending(), 1000), None) is not None
