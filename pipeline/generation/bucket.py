"""Generates one bucket: spools the missing answers, then writes the bucket's shards, one per split."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from entityclip.contract.receipts import BucketReceipt, ShardReceipt, receipt_name
from pipeline.engines.base import Completion
from pipeline.files.clock import now
from pipeline.generation.mend import is_own, kept_shards, read_sound_shard, say
from pipeline.generation.resume import BucketWork, divide, spooled_answers
from pipeline.generation.rows import answered_row, better_row
from pipeline.generation.run import Run
from pipeline.generation.spool import Session, Spool, mended_spool, storable
from pipeline.job import Job
from pipeline.shards.receipts import read_receipt, write_receipt
from pipeline.shards.shard import Row, Shard, ShardFile, count_statuses, shard_name, write_shard


@dataclass(frozen=True)
class BucketReport:
    """The result of generating a bucket; small enough to pass to Prefect.

    Attributes:
        digests: SHA-256 of each of the bucket's shards, by name.
        counts: number of rows by split and status.
        generated: number of requests that the engine answered in this run.
        reused: number of rows whose text already existed.
        pending: number of planned pairs left for a later run.
        prompt_tokens, completion_tokens: total tokens of this run's requests, as counted by the engine.
        seconds: wall time spent on the bucket.
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


def make_bucket(run: Run, bucket: int) -> BucketReport:
    """Bring one bucket up to date with its plan.

    Raises:
        PipelineError: the engine failed, too many of its answers are errors, or the run was aborted. Finished answers
            stay in the spool, and the next run continues from there.
    """
    began = time.monotonic()
    job = run.job
    planned = run.plan.bucket(bucket)
    plan_digest = planned.digest
    files = run.existing.get(bucket, [])
    receipt = read_receipt(job.storage, bucket)
    if not is_own(receipt, job):
        receipt = None  # what it says of shards is not of these: the bucket gets its own
    sessions = mended_spool(job.spool_path(bucket), say)
    unasked = not sessions and not run.redo.statuses
    if receipt is not None and unasked and _is_settled(receipt, plan_digest, files):
        files = kept_shards(job, files, planned, receipt)
        if _is_settled(receipt, plan_digest, files):
            run.progress.reduce_total(len(planned))
            return _report(receipt, generated=[], reused=len(planned), seconds=time.monotonic() - began)
    read = {file.name: read_sound_shard(job, file, receipt) for file in files}
    existing = {name: shard for name, shard in read.items() if shard is not None}
    pairs = planned.pairs()
    spooled = spooled_answers(job, pairs, sessions, run.redo)
    work = divide(job, pairs, [row for shard in existing.values() for row in shard.rows], spooled, run.redo)
    run.progress.reduce_total(len(planned) - len(work.requests))
    rows = dict(work.settled)
    answered: list[Completion] = []
    if work.requests:
        completions = run.engine.get().complete(work.requests)
        with Spool(job.spool_path(bucket), run.about()) as spool:
            for completion in map(storable, completions):
                spool.append(completion)
                run.progress.add(tokens=completion.completion_tokens or 0)
                run.errors.count(completion)
                answered.append(completion)
                run.engine.check()
        _place(rows, run, work, answered)
        sessions.append(Session(run.about(), answered))
    updated = BucketReceipt(
        dataset=job.manifest.name,
        bucket=bucket,
        num_buckets=job.manifest.num_shards,
        shards=_commit(job, bucket, list(rows.values()), existing, sessions),
        pending=work.pending,
        unsent=sum(not row.was_sent for row in rows.values()),
        plan=plan_digest,
    )
    if receipt is None or replace(receipt, finished_at="") != updated:
        write_receipt(job.storage, updated)
    job.spool_path(bucket).unlink(missing_ok=True)
    return _report(updated, generated=answered, reused=work.reused, seconds=time.monotonic() - began)


def _is_settled(receipt: BucketReceipt, plan_digest: str, files: list[ShardFile]) -> bool:
    """Return True if a bucket matches its receipt and plan, and has no rows left to generate or to check again."""
    unchanged = {name: shard.size for name, shard in receipt.shards.items()} == {file.name: file.size for file in files}
    return unchanged and receipt.plan == plan_digest and not receipt.pending and not receipt.unsent


def _place(rows: dict[tuple[str, str], Row], run: Run, work: BucketWork, answered: list[Completion]) -> None:
    """Convert the answers to rows, judge each against the caption of its pair, and add them to `rows`."""
    placed = [(planned, completion) for completion in answered for planned in work.waiting[completion.key]]
    texts = [(p.pair.caption, c.text, c.finish_reason) for p, c in placed if c.text is not None]
    judgements = iter(run.judging.judge_all(texts))
    for planned, completion in placed:
        verdict = next(judgements) if completion.text is not None else None
        place = (planned.pair.split, planned.pair.id)
        rows[place] = better_row(rows.get(place), answered_row(planned, run.job.model, completion, verdict))


def _commit(
    job: Job, bucket: int, rows: list[Row], existing: dict[str, Shard], sessions: Iterable[Session]
) -> dict[str, ShardReceipt]:
    """Write shards whose rows changed, delete shards without rows, and return the receipts of the remaining shards."""
    current: dict[str, list[Row]] = {name: [] for name in existing}
    for row in rows:
        current.setdefault(shard_name(row.split, bucket, job.manifest.num_shards), []).append(row)
    receipts: dict[str, ShardReceipt] = {}
    for name, of_split in sorted(current.items()):
        of_split.sort(key=lambda row: row.id)
        before = existing.get(name)
        if before is not None and before.rows == of_split:
            receipts[name] = ShardReceipt(before.digest, before.size, len(of_split), count_statuses(of_split))
            continue
        job.storage.delete(receipt_name(bucket))  # the bucket is incomplete until it has a new receipt
        if not of_split:
            job.storage.delete(name)  # all its pairs were removed from the dataset
            continue
        generations = list(before.provenance.get("generations") or []) if before is not None else []
        keys = {row.key for row in of_split}
        generations += [entry for session in sessions if (entry := _generation(session, keys))["requests"]]
        provenance = {**job.provenance(of_split[0].split, bucket), "generations": generations}
        written = write_shard(job.storage, name, of_split, provenance)
        receipts[name] = ShardReceipt(*written, len(of_split), count_statuses(of_split))
    return receipts


def _generation(session: Session, keys: set[str]) -> dict[str, Any]:
    """Return an entry for a shard's `generations` that describes what a session contributed to these keys' rows."""
    completions = [completion for completion in session.completions if completion.key in keys]
    return {
        **session.about,
        "finished_at": now(),
        "requests": len(completions),
        "prompt_tokens": sum(c.prompt_tokens or 0 for c in completions),
        "completion_tokens": sum(c.completion_tokens or 0 for c in completions),
    }


def _report(receipt: BucketReceipt, *, generated: list[Completion], reused: int, seconds: float) -> BucketReport:
    shards = sorted(receipt.shards.items())
    return BucketReport(
        bucket=receipt.bucket,
        digests={name: shard.sha256 for name, shard in receipt.shards.items()},
        counts={name.partition("/")[0].removeprefix("split="): shard.statuses for name, shard in shards},
        generated=len(generated),
        reused=reused,
        pending=receipt.pending,
        prompt_tokens=sum(c.prompt_tokens or 0 for c in generated),
        completion_tokens=sum(c.completion_tokens or 0 for c in generated),
        seconds=seconds,
    )
