"""When a process is taken for dead."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from prefect.client.schemas.filters import ArtifactFilter
from prefect.client.schemas.objects import Artifact, FlowRun
from prefect.states import Pending, Running, State

from flows.orchestration.liveness import began, latest_heartbeats, this_process, why_gone


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


class _PagedClient:
    """Answers like the server, which returns at most `limit` artifacts."""

    def __init__(self, artifacts: list[Artifact]) -> None:
        self.artifacts = artifacts

    def read_artifacts(self, *, artifact_filter: ArtifactFilter, limit: int, offset: int) -> list[Artifact]:
        assert artifact_filter.flow_run_id is not None
        runs = artifact_filter.flow_run_id.any_ or []
        return [artifact for artifact in self.artifacts if artifact.flow_run_id in runs][offset : offset + limit]


def test_heartbeats_are_read_to_the_last_page() -> None:
    runs = [uuid4() for _ in range(3)]
    stale = [_sign(600 - n).model_copy(update={"flow_run_id": runs[n % 2]}) for n in range(401)]
    newest = [_sign(0).model_copy(update={"flow_run_id": run}) for run in runs]
    found = latest_heartbeats(_PagedClient([*stale, *newest]), runs)  # type: ignore[arg-type]
    assert found == dict(zip(runs, newest, strict=True))
