"""MLflow tracker, configured by MLflow's environment variables (MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME, ...)."""

import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param
from mlflow.tracking import MlflowClient

from model.tracking.trackers import flatten, read_tracked, remember_tracked

_SECONDS_BETWEEN = 5.0
_MOST_METRICS, _MOST_PARAMS, _LONGEST_PARAM = 1000, 100, 6000  # MLflow's limits per request
_LAST_SECONDS = 60.0  # timeout for an unresponsive server at the end


class MLflow:
    """Tracker that logs to an MLflow run named after the run's folder; a resumed run continues the same MLflow run.

    Metrics are sent every few seconds from a separate thread, so that a hanging server does not delay training.
    MLflow's own asynchronous logging is not used: it logs the server's URL, password included, for every failed batch,
    and its shutdown waits without a timeout.
    """

    name = "MLflow"

    def __init__(self, run: Path, config: dict[str, Any], *, resumed: bool) -> None:
        self._client = MlflowClient()
        known = read_tracked(run).get("mlflow") if resumed else None
        if known is None:
            name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "entityclip")
            experiment = self._client.get_experiment_by_name(name)
            number = self._client.create_experiment(name) if experiment is None else experiment.experiment_id
            known = self._client.create_run(number, run_name=run.name).info.run_id
            params = [Param(key, str(value)[:_LONGEST_PARAM]) for key, value in flatten(config)]
            for start in range(0, len(params), _MOST_PARAMS):
                self._client.log_batch(known, params=params[start : start + _MOST_PARAMS])
            remember_tracked(run, "mlflow", known)
        else:
            self._client.update_run(known, status="RUNNING")
        self._id = known
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mlflow")
        self._sending: Future[None] | None = None
        self._waiting: list[Metric] = []
        self._sent_at = time.monotonic()

    def log(self, step: int, scalars: dict[str, float]) -> None:
        """Queue the scalars for the next request. If the previous request failed, raises its error."""
        now = round(time.time() * 1000)
        self._waiting += [Metric(name.replace("@", "_at_"), value, now, step) for name, value in scalars.items()]
        sent = self._sending is None or self._sending.done()
        if sent and time.monotonic() - self._sent_at >= _SECONDS_BETWEEN:
            self._send()

    def close(self, *, failed: bool) -> None:
        """Send the remaining metrics and end the MLflow run. Raises the error of a failed request, or TimeoutError."""
        try:
            if self._sending is not None:
                self._sending.result(_LAST_SECONDS)
            self._send()
            end = self._thread.submit(self._client.set_terminated, self._id, "FAILED" if failed else "FINISHED")
            end.result(_LAST_SECONDS)
            assert self._sending is not None
            self._sending.result()
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _send(self) -> None:
        if self._sending is not None:
            self._sending.result()
        self._sent_at = time.monotonic()
        batch, self._waiting = self._waiting, []
        self._sending = self._thread.submit(self._send_all, batch)

    def _send_all(self, metrics: list[Metric]) -> None:
        for start in range(0, len(metrics), _MOST_METRICS):
            self._client.log_batch(self._id, metrics=metrics[start : start + _MOST_METRICS])
