"""A short probe of the engine: how long will the whole take? Nothing is written."""

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.engines.open_engine import engine_for
from pipeline.engines.protocol import Request
from pipeline.job import Job


@dataclass(frozen=True)
class Probe:
    """What the engine did with a few of the requests.

    Attributes:
        rows: requests sent; errors: how many came back as errors; seconds: from the first sent to the last answer.
        opening_seconds: to load the model or to start the server.
        to_generate: requests of the whole job.
    """

    rows: int
    errors: int
    completion_tokens: int
    seconds: float
    opening_seconds: float
    to_generate: int

    @property
    def estimated_seconds(self) -> float:
        """Of the whole job at the probe's rate. A server with more in flight than a probe has is faster."""
        return self.opening_seconds + self.to_generate * self.seconds / self.rows


def probe_engine(job: Job, requests: list[Request], to_generate: int) -> Probe:
    """Open the job's engine, let it answer `requests` (at least one), and close it.

    Raises:
        PipelineError: the engine cannot be opened, or is lost.
    """
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        elsewhere = replace(job, manifest=job.manifest.with_changes({"work": Path(folder)}))  # for a server's log
        with engine_for(elsewhere) as engine:
            opened = time.monotonic()
            completions = list(engine.complete(requests))
            seconds = time.monotonic() - opened
    return Probe(
        rows=len(requests),
        errors=sum(completion.error is not None for completion in completions),
        completion_tokens=sum(completion.completion_tokens or 0 for completion in completions),
        seconds=seconds,
        opening_seconds=opened - began,
        to_generate=to_generate,
    )
