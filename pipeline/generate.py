"""Making one shard: generate what is left of it, and commit."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from pipeline.engines.protocol import Completion, Engine
from pipeline.job import Job
from pipeline.resume import ShardWork
from pipeline.rows import answered_row
from pipeline.shard import Row, count_statuses, file_digest, read_provenance, shard_path, write_shard

OnCompletion = Callable[[Completion], None]


@dataclass(frozen=True)
class Receipt:
    """What a shard's making came to; small enough to hand to Prefect.

    Attributes:
        path: the shard's file, relative to the output folder.
        counts: rows by status, in the whole shard.
        generated: requests answered by the engine in this run.
        reused: rows whose text was there before.
        pending: planned pairs that are left for a later run.
        prompt_tokens, completion_tokens: of this run's answers, as the engine counted.
        digest: SHA-256 of the file; None where there is neither a file nor a row.
    """

    path: str
    split: str
    shard: int
    counts: dict[str, int]
    generated: int
    reused: int
    pending: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    digest: str | None


def make_shard(job: Job, work: ShardWork, engine: Engine | None, on_completion: OnCompletion) -> Receipt:
    """Bring one shard up to its plan.

    Args:
        engine: an open engine; None only where `work` has no requests.
        on_completion: called with every answer as it arrives (progress).

    Raises:
        PipelineError: the engine is lost; what it had answered is in the shard.
    """
    started = time.monotonic()
    path = shard_path(job.output, work.split, work.shard, job.manifest.num_shards)
    rows = list(work.settled)
    answered = prompt_tokens = completion_tokens = 0
    try:
        if work.requests:
            assert engine is not None
            for completion in engine.complete(work.requests):
                rows.extend(answered_row(p, job.model, completion) for p in work.waiting[completion.key])
                answered += 1
                prompt_tokens += completion.prompt_tokens or 0
                completion_tokens += completion.completion_tokens or 0
                on_completion(completion)
    finally:  # an engine lost or a run interrupted half-way keeps what was answered; a re-run adds the rest
        if rows and not work.is_current:
            made = {
                "requests": answered,
                "prompt_tokens": prompt_tokens,
                "completion_tokens": completion_tokens,
                "seconds": round(time.monotonic() - started, 3),
            }
            _commit(job, work, rows, engine, made)
        elif not rows:
            path.unlink(missing_ok=True)  # all its pairs have left the plan
    return Receipt(
        path=str(path.relative_to(job.output)),
        split=work.split,
        shard=work.shard,
        counts=count_statuses(rows),
        generated=answered,
        reused=work.reused,
        pending=work.pending,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        seconds=time.monotonic() - started,
        digest=file_digest(path) if rows else None,
    )


def _commit(job: Job, work: ShardWork, rows: list[Row], engine: Engine | None, made: dict[str, Any]) -> None:
    """Write the shard with its provenance; each run that generated for it is one entry of `generations`."""
    path = shard_path(job.output, work.split, work.shard, job.manifest.num_shards)
    generations = read_provenance(path).get("generations", []) if path.is_file() else []
    if engine is not None and made["requests"]:
        generations.append(
            {
                "engine": engine.name,
                "engine_version": engine.version,
                "entityclip_version": version("entityclip"),
                **made,
                "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
            }
        )
    write_shard(path, rows, {**job.provenance(work.split, work.shard), "generations": generations})
