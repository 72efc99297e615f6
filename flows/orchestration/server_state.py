"""Asks the configured Prefect server for its state, without waiting long and without showing credentials."""

from typing import NamedTuple

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import WorkerStatus
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows.orchestration.server import without_credentials

_SECONDS_TO_ANSWER = 5.0


class ServerState(NamedTuple):
    """What a server answered.

    Attributes:
        url: the server's URL, without credentials.
        problem: why it does not answer; None if it does.
        workers: number of workers that are online, by work pool.
    """

    url: str
    problem: str | None
    workers: dict[str, int]


def server_state() -> ServerState:
    """Ask the configured server whether it is healthy, and which workers are online in its work pools."""
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
    except Exception as error:  # httpx's and Prefect's errors; ValueError and others for a URL that is none
        why = (str(error) or type(error).__name__).splitlines()[0]
        return ServerState(url, without_credentials(why), {})
    return ServerState(url, None, workers)
