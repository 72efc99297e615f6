"""Making one bucket: generate what is left of it into the spool, then commit its shards, one a split."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pipeline.engines.lazy import now
from pipeline.engines.protocol import Completion
from pipeline.job import Job
from pipeline.resume import BucketWork, divide
from pipeline.rows import answered_row, better_row, status_of
from pipeline.run import Run
from pipeline.shard import (
    Row,
    count_statuses,
    file_digest,
    find_shards,
    read_provenance,
    read_rows,
    shard_path,
    write_shard,
)
from pipeline.spool import Session, Spool, read_spool


@dataclass(frozen=True)
class Receipt:
    """What a bucket's making came to; small enough to hand to Prefect.

    Attributes:
        digests: SHA-256 of the bucket's shards, by path relative to the output folder.
        counts: rows by split and status.
        generated: requests answered by the engine in this run.
        reused: rows whose text was there before.
        pending: planned pairs that are left for a later run.
        prompt_tokens, completion_tokens: of this run's answers, as the engine counted.
    """

    bucket: int
    digests: dict[str, str]
    counts: dict[str, dict[str, int]]
    generated: int
    reused: int
    pending: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float


def make_bucket(run: Run, bucket: int) -> Receipt:
    """Bring one bucket up to its plan.

    Raises:
        PipelineError: the engine is lost, too many of its answers are errors, or the run was given up; what the
            engine had answered is in the spool, and a re-run goes on from there.
    """
    began = time.monotonic()
    job = run.job
    sessions = read_spool(job.spool_path(bucket))
    existing = [row for path in find_shards(job.output, bucket) for row in read_rows(path)]
    spooled = [c for s in sessions for c in s.completions if "redo" in s.about or not run.redo.asks_for(status_of(c))]
    planned = run.plan.bucket(bucket)
    work = divide(job, planned, existing, spooled, run.redo)
    run.progress.divided(len(planned), len(work.requests))
    rows = dict(work.settled)
    answered: list[Completion] = []
    if work.requests:
        completions = run.engine.get().complete(work.requests)
        with Spool(job.spool_path(bucket), run.about()) as spool:
            for completion in completions:
                spool.append(completion)
                run.progress.answered(completion)
                run.errors.count(completion)
                answered.append(completion)
                _place(rows, job, work, completion)
                run.engine.check()
        sessions.append(Session(run.about(), answered))
    digests = _commit(job, bucket, rows, existing, sessions)
    job.spool_path(bucket).unlink(missing_ok=True)
    by_split: dict[str, list[Row]] = {}
    for row in rows.values():
        by_split.setdefault(row.split, []).append(row)
    return Receipt(
        bucket=bucket,
        digests=digests,
        counts={split: count_statuses(of_split) for split, of_split in sorted(by_split.items())},
        generated=len(answered),
        reused=work.reused,
        pending=work.pending,
        prompt_tokens=sum(c.prompt_tokens or 0 for c in answered),
        completion_tokens=sum(c.completion_tokens or 0 for c in answered),
        seconds=time.monotonic() - began,
    )


def _place(rows: dict[tuple[str, str], Row], job: Job, work: BucketWork, completion: Completion) -> None:
    for planned in work.waiting[completion.key]:
        place = (planned.pair.split, planned.pair.id)
        rows[place] = better_row(rows.get(place), answered_row(planned, job.model, completion))


def _commit(
    job: Job,
    bucket: int,
    rows: dict[tuple[str, str], Row],
    existing: list[Row],
    sessions: Iterable[Session],
) -> dict[str, str]:
    """Write the shards whose rows changed, and remove those that have none left; digests of what is there."""
    had = {(row.split, row.id): row for row in existing}
    splits = {split for split, _ in rows} | {split for split, _ in had}
    digests: dict[str, str] = {}
    for split in sorted(splits):
        path = shard_path(job.output, split, bucket, job.manifest.num_shards)
        current = {place: row for place, row in rows.items() if place[0] == split}
        before = {place: row for place, row in had.items() if place[0] == split}
        if not current:
            path.unlink(missing_ok=True)  # all its pairs have left the dataset
            continue
        if current != before or not path.is_file():
            generations = read_provenance(path).get("generations", []) if path.is_file() else []
            keys = {row.key for row in current.values()}
            generations += [made for session in sessions if (made := _made(session, keys))["requests"]]
            write_shard(path, list(current.values()), {**job.provenance(split, bucket), "generations": generations})
        digests[str(path.relative_to(job.output))] = file_digest(path)
    return digests


def _made(session: Session, keys: set[str]) -> dict[str, Any]:
    """What a session did for the rows with these keys."""
    mine = [completion for completion in session.completions if completion.key in keys]
    return {
        **session.about,
        "finished_at": now(),
        "requests": len(mine),
        "prompt_tokens": sum(c.prompt_tokens or 0 for c in mine),
        "completion_tokens": sum(c.completion_tokens or 0 for c in mine),
    }
