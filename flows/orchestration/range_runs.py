"""Supervises the flow runs for ranges of shards: starts and watches them, and restarts them after a crash."""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import DeploymentFilter, FlowRunFilter
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.deployments import run_deployment
from prefect.exceptions import PrefectException
from prefect.logging import get_run_logger
from prefect.states import Cancelling, Crashed

from flows.display.printing import plural
from flows.orchestration.liveness import all_flow_runs, latest_heartbeats, why_gone
from pipeline.errors import PipelineError

_ATTEMPTS = 3
_SECONDS_BETWEEN_POLLS = 2.0
_SECONDS_BETWEEN_HEARTBEAT_CHECKS = 10.0
_UNREACHABLE_SECONDS = 300.0
_UNFINISHED = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.CANCELLING, StateType.PAUSED]


@dataclass
class _Attempt:
    """A range and its latest flow run."""

    buckets: range
    run: UUID
    number: int = 1
    outcome: str | None = None  # None while the run is active, "" on success, otherwise the reason for the failure


@dataclass
class RangeRuns:
    """The flow runs of a deployment, one per range. A crashed or failed run is restarted at most twice.

    A range is restarted only if its previous run has ended. A run whose process is known to be gone is first set to
    Crashed, which ends it. In addition, the lock on the range's buckets prevents two concurrent writers.
    """

    client: SyncPrefectClient
    deployment: str
    deployment_id: UUID
    ranges: list[range]
    parameters: dict[str, Any]
    _attempts: list[_Attempt] = field(default_factory=list, init=False)
    _checked_heartbeats: float = field(default=0.0, init=False)

    @property
    def finished(self) -> int:
        return sum(attempt.outcome == "" for attempt in self._attempts)

    def describe(self) -> str:
        restarts = sum(attempt.number - 1 for attempt in self._attempts)
        restarted = f", {plural(restarts, 'restart')}" if restarts else ""
        return f"{self.finished} of {len(self.ranges)} ranges are done{restarted}"

    def complete(self) -> None:
        """Start all ranges and wait until each has finished or has no attempts left. On an exception, cancel all runs.

        Raises:
            PipelineError: some ranges failed or were cancelled.
        """
        try:
            for buckets in self.ranges:
                self._attempts.append(_Attempt(buckets, self._start(buckets, 1)))
            last_seen = time.monotonic()
            while any(attempt.outcome is None for attempt in self._attempts):
                time.sleep(_SECONDS_BETWEEN_POLLS)
                try:
                    self._poll()
                    last_seen = time.monotonic()
                except httpx.TransportError as error:
                    if time.monotonic() - last_seen > _UNREACHABLE_SECONDS:
                        raise
                    get_run_logger().warning("Prefect's server does not answer: %s", error)
        except BaseException:
            self._cancel()
            raise
        failed = [f"{_name(a.buckets)} {a.outcome}" for a in self._attempts if a.outcome]
        if failed:
            raise PipelineError(
                f"{len(failed)} of {len(self.ranges)} ranges failed: {'; '.join(failed)}. "
                "Run the flow again; finished buckets are kept"
            )

    def refuse_if_others_run(self) -> None:
        """Check that no ranges of an earlier parent run are active. Runs whose process is gone are set to Crashed.

        Raises:
            PipelineError: some runs are still active; the message lists them.
        """
        alive = [run.name for run in self._unfinished() if not self._clear_if_gone(run)]
        if alive:
            raise PipelineError(
                f"ranges of an earlier run are still active: {', '.join(alive)}; wait for them, or cancel them with "
                "`prefect flow-run cancel`"
            )

    def _unfinished(self) -> list[FlowRun]:
        found = all_flow_runs(
            self.client,
            deployment_filter=DeploymentFilter.model_validate({"id": {"any_": [self.deployment_id]}}),
            flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": _UNFINISHED}}}),
        )
        mine = (self.parameters["manifest"], self.parameters["output"])
        return [run for run in found if (run.parameters.get("manifest"), run.parameters.get("output")) == mine]

    def _start(self, buckets: range, attempt: int) -> UUID:
        name = _name(buckets) + (f", attempt {attempt}" if attempt > 1 else "")
        run = run_deployment(
            self.deployment,
            parameters={**self.parameters, "first": buckets.start, "last": buckets.stop - 1},
            flow_run_name=name,
            timeout=0,
        )
        assert isinstance(run, FlowRun)
        return run.id

    def _poll(self) -> None:
        """Read the states of all active runs and, every few polls, their heartbeats."""
        watched = {attempt.run: attempt for attempt in self._attempts if attempt.outcome is None}
        runs = all_flow_runs(self.client, flow_run_filter=FlowRunFilter.model_validate({"id": {"any_": list(watched)}}))
        check_heartbeats = time.monotonic() - self._checked_heartbeats > _SECONDS_BETWEEN_HEARTBEAT_CHECKS
        if check_heartbeats:
            self._checked_heartbeats = time.monotonic()
        for run in runs:
            if run.state is None or not run.state.is_final():
                if check_heartbeats:
                    self._clear_if_gone(run)  # the next poll then handles the crashed run
                continue
            self._handle_end(watched[run.id], run)

    def _handle_end(self, attempt: _Attempt, run: FlowRun) -> None:
        assert run.state is not None
        if run.state.is_completed():
            attempt.outcome = ""
        elif run.state.is_cancelled():
            attempt.outcome = "was cancelled"
        elif attempt.number == _ATTEMPTS:
            attempt.outcome = f"ended as {run.state.name} {_ATTEMPTS} times; the last message is: {run.state.message}"
        else:
            get_run_logger().warning(
                "%s ended as %s (%s) and is being restarted", run.name, run.state.name, run.state.message
            )
            attempt.number += 1
            attempt.run = self._start(attempt.buckets, attempt.number)

    def _clear_if_gone(self, run: FlowRun) -> bool:
        if run.state is None or run.state.is_scheduled() or run.state.is_pending():
            return False  # it may still start, and would then run concurrently with its replacement
        why = why_gone(run, latest_heartbeats(self.client, [run.id]).get(run.id))
        if why is None:
            return False
        self.client.set_flow_run_state(run.id, Crashed(message=why), force=True)
        return True

    def _cancel(self) -> None:
        for attempt in self._attempts:
            if attempt.outcome is None:
                with suppress(httpx.HTTPError, PrefectException):  # continue with the other runs
                    self.client.set_flow_run_state(attempt.run, Cancelling(message="its parent has ended"))


def _name(buckets: range) -> str:
    return f"buckets {buckets.start} to {buckets.stop - 1}"
