"""The supervision of ranges, with a client that answers as Prefect's server does."""

import logging
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.states import Completed, Crashed, Scheduled, State

from flows.orchestration import range_runs
from flows.orchestration.range_runs import RangeRuns

_MOST = 200  # runs that the server returns at once, as PREFECT_API_DEFAULT_LIMIT has it


class _Client:
    """Newest runs first. The first run crashes; the others wait until it was started again, and then complete."""

    def __init__(self) -> None:
        self.runs: list[FlowRun] = []
        self.cancelled: list[UUID] = []
        self.polls = 0

    def start(self, *args: object, flow_run_name: str, **kwargs: object) -> FlowRun:
        state = Scheduled() if self.runs else Crashed(message="its worker is gone")
        self.runs.append(FlowRun(id=uuid4(), flow_id=uuid4(), name=flow_run_name, state=state))
        return self.runs[-1]

    def read_flow_runs(self, *, flow_run_filter: Any, limit: int = _MOST, offset: int = 0) -> list[FlowRun]:
        self.polls += 1
        assert self.polls < 20, "the crashed run is never seen"
        wanted = set(flow_run_filter.id.any_)
        if self.runs[-1].name.endswith("attempt 2"):
            for run in self.runs[1:]:
                run.state = Completed()
        found = [run for run in reversed(self.runs) if run.id in wanted]
        return found[offset : offset + min(limit, _MOST)]

    def set_flow_run_state(self, run: UUID, state: State[Any]) -> None:
        if run == self.runs[1].id:
            raise ObjectNotFound(KeyError(run))
        self.cancelled.append(run)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Any:
    client = _Client()
    monkeypatch.setattr(range_runs, "run_deployment", client.start)
    monkeypatch.setattr(range_runs, "get_run_logger", logging.getLogger)
    monkeypatch.setattr(range_runs, "_SECONDS_BETWEEN_POLLS", 0.0)
    return client


def _of(client: Any, count: int) -> RangeRuns:
    return RangeRuns(client, "generate-range/many", uuid4(), [range(n, n + 1) for n in range(count)], {})


def test_a_crash_is_seen_among_more_runs_than_the_server_returns_at_once(client: Any) -> None:
    runs = _of(client, 250)
    runs.complete()
    assert runs.describe() == "250 of 250 ranges are done, 1 restart"


def test_a_run_that_cannot_be_cancelled_does_not_keep_the_others_from_it(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(**filters: object) -> list[FlowRun]:
        raise KeyboardInterrupt

    monkeypatch.setattr(client, "read_flow_runs", interrupt)
    with pytest.raises(KeyboardInterrupt):
        _of(client, 3).complete()
    assert client.cancelled == [client.runs[0].id, client.runs[2].id]
