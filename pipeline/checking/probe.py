"""Sends the engine a few prompts to estimate the duration of the whole run. Writes nothing."""

import time

from pipeline.checking.report import Estimate, Finding, Work
from pipeline.checking.resources import row_bytes
from pipeline.engines.base import Request
from pipeline.engines.factory import engine_without_log
from pipeline.job import Job


def probe_engine(job: Job, requests: list[Request], work: Work) -> Estimate:
    """Open the job's engine, send it `requests` (at least one), and close it; return the estimate for the whole run.

    The estimate assumes that the run is as fast as the probe, but a server is faster with more requests in flight.
    Raises PipelineError if the engine cannot be opened, or fails.
    """
    began = time.monotonic()
    with engine_without_log(job) as engine:
        opened = time.monotonic()
        completions = list(engine.complete(requests))
        seconds = time.monotonic() - opened
    return Estimate(
        prompts=len(requests),
        errors=sum(completion.error is not None for completion in completions),
        completion_tokens=sum(completion.completion_tokens or 0 for completion in completions),
        seconds=seconds,
        opening_seconds=opened - began,
        to_generate=work.to_generate,
        estimated_seconds=opened - began + work.to_generate * seconds / len(requests),
        # an answer is in the spool until the shard with its row is complete
        disk_bytes=work.plan_bytes + round(2 * work.to_generate * row_bytes(requests, completions)),
    )


def estimate_findings(estimate: Estimate) -> list[Finding]:
    """Report prompts for which the engine returned an error."""
    if not estimate.errors:
        return []
    return [
        Finding(
            code="engine_errors",
            severity="error" if estimate.errors == estimate.prompts else "warning",
            count=estimate.errors,
            what=f"prompts answered with an error (of {estimate.prompts} sent)",
            mend="see the engine's log; the rows of these prompts get the status error",
        )
    ]
