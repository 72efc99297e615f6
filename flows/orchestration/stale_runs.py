"""Clears stale flow runs, which hold slots because Prefect considers them unfinished although their process is gone."""

from dataclasses import dataclass
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowRunFilter
from prefect.client.schemas.objects import StateType
from prefect.states import Cancelled, Crashed, State

from flows.orchestration.liveness import SILENT_SECONDS, all_flow_runs, latest_heartbeats, why_gone

FLOWS = (
    "entityclip",
    "entityclip-ablation",
    "entityclip-demo",
    "generate-explanations",
    "generate-range",
    "train-entityclip",
    "evaluate-entityclip",
)


@dataclass(frozen=True)
class StaleRun:
    """A stale run, and the reason why it is considered dead."""

    name: str
    flow_run_id: str
    why: str


def clear_stale_runs(silent_seconds: float = SILENT_SECONDS, *, dry_run: bool = False) -> list[StaleRun]:
    """Set stale runs of our flows to Crashed, or to Cancelled if they were cancelling, and return them.

    Args:
        silent_seconds: seconds without a heartbeat after which a process on another machine is considered dead.
        dry_run: return the stale runs without changing their states.
    """
    types = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
    with get_client(sync_client=True) as client:
        runs = all_flow_runs(
            client,
            flow_filter=FlowFilter.model_validate({"name": {"any_": list(FLOWS)}}),
            flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": types}}}),
        )
        heartbeats = latest_heartbeats(client, [run.id for run in runs])
        found: list[StaleRun] = []
        for run in runs:
            why = why_gone(run, heartbeats.get(run.id), silent_seconds)
            if why is None or run.state is None:
                continue
            found.append(StaleRun(run.name, str(run.id), why))
            if not dry_run:
                cancelling = run.state.type == StateType.CANCELLING
                end: State[Any] = Cancelled(message=why) if cancelling else Crashed(message=why)
                client.set_flow_run_state(run.id, end, force=True)
        return found
