"""Detects flow runs whose process is gone. If the worker dies too, Prefect leaves the run in the state *Running*.

Each of our flow runs has a progress artifact that a thread updates every few seconds (`ProgressArtifact`). The time of
the last update is the run's heartbeat, and the artifact's metadata identify the process. A process on this machine is
looked up by its id; a process on another machine is considered dead after a while without heartbeats.
"""

import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactFilter
from prefect.client.schemas.objects import Artifact, FlowRun

SILENT_SECONDS = 120.0  # far more than the delay of heartbeats (sent every few seconds) on a slow network
NEVER_SEEN_SECONDS = 900.0  # until a run's first heartbeat; its worker may have to pull a container image
_PAGE = 200

T = TypeVar("T")


def this_process() -> dict[str, str]:
    """Return artifact metadata that uniquely identify this process."""
    return {**_this_machine(), "pid": str(os.getpid()), "began": began(os.getpid())}


def all_flow_runs(client: SyncPrefectClient, **filters: Any) -> list[FlowRun]:
    """Return all flow runs that match the filters."""
    return _all_pages(client.read_flow_runs, filters)


def _all_pages(read: Callable[..., list[T]], filters: dict[str, Any]) -> list[T]:
    found: list[T] = []
    while len(page := read(**filters, limit=_PAGE, offset=len(found))) == _PAGE:
        found += page
    return found + page


def latest_heartbeats(client: SyncPrefectClient, runs: list[UUID]) -> dict[UUID, Artifact]:
    """Return the latest progress artifact of each flow run that has one."""
    found: dict[UUID, Artifact] = {}
    for start in range(0, len(runs), _PAGE):
        of_runs = {"flow_run_id": {"any_": runs[start : start + _PAGE]}, "type": {"any_": ["progress"]}}
        wanted = {"artifact_filter": ArtifactFilter.model_validate(of_runs)}
        for artifact in _all_pages(client.read_artifacts, wanted):
            run = artifact.flow_run_id
            if run is not None and "pid" in (artifact.metadata_ or {}):
                latest = found.get(run)
                if latest is None or _updated(artifact) > _updated(latest):
                    found[run] = artifact
    return found


def why_gone(run: FlowRun, heartbeat: Artifact | None, silent_seconds: float = SILENT_SECONDS) -> str | None:
    """Return why the process of an unfinished run is considered dead, or None if it may be alive."""
    now = datetime.now(UTC)
    if heartbeat is None:
        waiting = (now - run.state.timestamp).total_seconds() if run.state is not None else 0.0
        if waiting > NEVER_SEEN_SECONDS:
            return f"no process has reported for it in {waiting:.0f} s"
        return None
    who = heartbeat.metadata_ or {}
    if {name: who.get(name) for name in _this_machine()} == _this_machine():
        alive = who.get("began") == began(int(who["pid"]))
        return None if alive else f"its process {who['pid']} on {who['host']} is gone"
    silence = (now - _updated(heartbeat)).total_seconds()
    if silence > silent_seconds:
        return f"its process {who['pid']} on {who.get('host')} has been silent for {silence:.0f} s"
    return None


def _updated(artifact: Artifact) -> datetime:
    assert artifact.updated is not None
    return artifact.updated


def _this_machine() -> dict[str, str]:
    """Return host, boot id and process namespace. Containers may share the first two, but not their process ids."""
    return {"host": socket.gethostname(), "boot": _read("/proc/sys/kernel/random/boot_id"), "pids": _namespace()}


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def began(pid: int) -> str:
    """Return a process's start time in kernel ticks, or "gone" if the process does not exist or is a zombie."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if fields and fields[0] not in "ZX" else "gone"


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""
