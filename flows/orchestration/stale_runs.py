"""Flow runs that Prefect believes unfinished and whose process is gone: found, and their slots freed."""

from dataclasses import dataclass
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelled, Crashed, State

from flows.orchestration.liveness import SILENT_SECONDS, signs_of_life, why_gone

FLOWS = (
    "entityclip",
    "entityclip-ablation",
    "entityclip-demo",
    "generate-explanations",
    "generate-range",
    "train-entityclip",
    "evaluate-entityclip",
)
_PAGE = 200


@dataclass(frozen=True)
class StaleRun:
    """A run that was cleared, and why."""

    name: str
    flow_run_id: str
    why: str


def clear_stale_runs(silent_seconds: float = SILENT_SECONDS, *, dry_run: bool = False) -> list[StaleRun]:
    """Set unfinished runs of our flows whose process is gone to Crashed, or Cancelled where that was asked for.

    Args:
        silent_seconds: a process on another machine is taken for dead after so long without a sign of life.
        dry_run: only say which.
    """
    with get_client(sync_client=True) as client:
        runs = _unfinished(client)
        signs = signs_of_life(client, [run.id for run in runs])
        found: list[StaleRun] = []
        for run in runs:
            why = why_gone(run, signs.get(run.id), silent_seconds)
            if why is None or run.state is None:
                continue
            found.append(StaleRun(run.name, str(run.id), why))
            if not dry_run:
                cancelling = run.state.type == StateType.CANCELLING
                end: State[Any] = Cancelled(message=why) if cancelling else Crashed(message=why)
                client.set_flow_run_state(run.id, end, force=True)
        return found


def _unfinished(client: SyncPrefectClient) -> list[FlowRun]:
    types = FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING, StateType.CANCELLING])
    runs: list[FlowRun] = []
    while page := client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=list(FLOWS))),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=types)),
        limit=_PAGE,
        offset=len(runs),
    ):
        runs += page
    return runs
