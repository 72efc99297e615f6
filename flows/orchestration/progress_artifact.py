"""Progress artifacts of flow runs, updated by a thread."""

import contextvars
import threading
from collections.abc import Callable
from typing import NamedTuple, Self

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.context import FlowRunContext
from prefect.exceptions import PrefectException
from prefect.logging import get_logger

from flows.orchestration.liveness import this_process

_SECONDS_BETWEEN_UPDATES = 5.0
_SECONDS_TO_FINISH = 10.0


class Now(NamedTuple):
    """The current progress of a run: percentage, and a line of Markdown."""

    percent: float
    text: str


class ProgressArtifact:
    """Context manager that publishes the result of `describe()` with one API call every few seconds.

    The updates are also the run's heartbeat (`flows.orchestration.liveness`), so enter this context before any other
    work. Server errors are logged and do not stop the run.
    """

    def __init__(self, begins_with: str) -> None:
        self.describe: Callable[[], Now] = lambda: Now(0.0, begins_with)
        self._stop = threading.Event()
        # the copy of the context tells the thread which server this flow run belongs to
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._keep_up,), name="live-run", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join(_SECONDS_TO_FINISH)

    def _keep_up(self) -> None:
        context = FlowRunContext.get()
        assert context is not None and context.flow_run is not None
        artifact = ArtifactCreate(
            type="progress", data=0.0, flow_run_id=context.flow_run.id, description="", metadata_=this_process()
        )
        with get_client(sync_client=True) as client:
            created = None
            while True:
                ends = self._stop.is_set()
                try:
                    if created is None:
                        created = client.create_artifact(artifact).id
                    percent, text = self.describe()
                    client.update_artifact(created, ArtifactUpdate(data=round(percent, 1), description=text))
                except (httpx.HTTPError, PrefectException) as error:
                    get_logger(__name__).warning("Could not update the progress shown by Prefect: %s", error)
                if ends:
                    return
                self._stop.wait(_SECONDS_BETWEEN_UPDATES)
