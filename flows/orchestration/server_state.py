"""Queries the state of the configured Prefect server, with a short timeout and without revealing credentials."""

from typing import NamedTuple

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import WorkerStatus
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows.orchestration.server import without_credentials

_SECONDS_TO_ANSWER = 5.0


class ServerState(NamedTuple):
    """The state of a Prefect server.

    Attributes:
        url: the server's URL, without credentials.
        problem: why the server could not be queried; None if it answered.
        workers: number of online workers by work pool.
    """

    url: str
    problem: str | None
    workers: dict[str, int]


def server_state() -> ServerState:
    """Query whether the configured server is healthy and how many workers are online in each work pool."""
    url = without_credentials(str(PREFECT_API_URL.value()))
    settings = {"timeout": _SECONDS_TO_ANSWER}
    try:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), get_client(settings, sync_client=True) as client:
            if (failure := client.api_healthcheck()) is not None:
                raise failure
            workers = {
                pool.name: sum(
                    worker.status == WorkerStatus.ONLINE for worker in client.read_workers_for_work_pool(pool.name)
                )
                for pool in client.read_work_pools()
            }
    except Exception as error:  # errors of httpx and Prefect; ValueError and others if the URL is invalid
        why = (str(error) or type(error).__name__).splitlines()[0]
        return ServerState(url, without_credentials(why), {})
    return ServerState(url, None, workers)
