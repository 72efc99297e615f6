"""What a Prefect server says of itself, and what is shown of one that says nothing."""

import socket

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.doctor import software
from flows.orchestration.server import without_credentials
from flows.orchestration.server_state import server_state


def test_workers_are_counted_by_pool(prefect_server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", str(PREFECT_API_URL.value()))
    with get_client(sync_client=True) as client:
        fact = software.prefect(print)
        assert fact.status == "note" and "make" in str(fact.remedy) and "work pools: none" in fact.value
        client.create_work_pool(WorkPoolCreate(name="quiet one", type="process"))
        fact = software.prefect(print)
        assert (fact.status, fact.remedy) == ("note", "prefect worker start --pool 'quiet one'")
        client.create_work_pool(WorkPoolCreate(name="busy", type="process"))
        for worker in ("a", "b"):
            beat = {"name": worker, "heartbeat_interval_seconds": 60}
            client.request("POST", "/work_pools/busy/workers/heartbeat", json=beat)  # type: ignore[arg-type]
        state = server_state()
        assert (state.problem, state.workers) == (None, {"quiet one": 0, "busy": 2})
        assert software.prefect(print).status == "ok"
        for pool in ("busy", "quiet one"):
            client.delete_work_pool(pool)


def test_a_server_that_listens_and_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.orchestration.server_state._SECONDS_TO_ANSWER", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/api"
        with temporary_settings({PREFECT_API_URL: url.replace("//", "//me:secret@")}):
            state = server_state()
    assert (state.url, state.workers) == (url, {})
    assert state.problem and "secret" not in state.problem


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://127.0.0.1:4200/api", "http://127.0.0.1:4200/api"),
        ("401 for url 'https://me:p@ss/wo:rd@host:1/api/health'", "401 for url 'https://host:1/api/health'"),
    ],
)
def test_credentials_are_taken_out(text: str, shown: str) -> None:
    assert without_credentials(text) == shown
