"""Determines what a run would do: plans it in a temporary folder, and compares every bucket with existing rows."""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from heapq import nsmallest
from operator import attrgetter
from pathlib import Path

from entityclip.contract.progress import Progress
from entityclip.contract.receipts import BucketReceipt
from pipeline.chat.prompts import Prompts
from pipeline.checking.report import Finding, Lengths, Work, lengths_of
from pipeline.engines.base import Request
from pipeline.errors import PipelineError
from pipeline.generation.mend import examine
from pipeline.generation.prepare import shards_there
from pipeline.generation.redo import Redo
from pipeline.generation.resume import BucketWork, divide, spooled_answers
from pipeline.generation.spool import read_spool
from pipeline.job import Job
from pipeline.pair import Pair
from pipeline.plan.plan import plan_pairs, write_plan
from pipeline.shards.footers import why_unreadable
from pipeline.shards.receipts import read_receipt
from pipeline.shards.shard import DamagedShardError, Row, ShardFile, read_shard


@dataclass(frozen=True)
class PlannedWork:
    """What a run would do, the lengths of its prompts, a pseudo-random sample of its requests, and damaged shards."""

    work: Work
    prompt_tokens: Lengths | None
    requests: list[Request]
    damaged: dict[str, str]  # why, by name of the shard


def plan_work(
    job: Job,
    pairs: Iterable[Pair],
    folder: Path,
    *,
    total: int,
    limit: int | None,
    redo: Redo,
    requests: int,
    image_problem: Callable[[str], str | None],
) -> PlannedWork:
    """Plan a run of the job and compare it with existing rows.

    Args:
        pairs: the dataset's pairs, without repeated ids.
        folder: temporary folder for the plan.
        total: number of `pairs`, for the progress display.
        limit: plan a run for the first `limit` pairs only; None for all.
        redo: which rows the run would generate again.
        requests: number of requests to keep for a probe.
        image_problem: function that returns why an image cannot be used, or None if no problem is known.

    Raises:
        PipelineError: generation would fail with the same error.
    """
    existing = shards_there(job)
    damaged = _damaged(job, existing)
    with Progress("plan", "pairs", total, bar=False) as progress:
        plan = write_plan(progress.over(plan_pairs(pairs, job, limit)), folder / "plan", job.manifest.num_shards)
    asked: list[Request] = []
    lengths: Counter[int] = Counter()
    totals: Counter[str] = Counter()
    longest = 0
    with Progress("divide", "pairs", sum(plan.pairs.values())) as progress:
        for bucket in plan.buckets:
            planned = plan.bucket(bucket).pairs()
            rows = [row for file in existing.get(bucket, []) for row in _rows(job, file, damaged)]
            spooled = spooled_answers(job, planned, read_spool(job.spool_path(bucket)), redo)
            work = divide(job, planned, rows, spooled, redo, image_problem)
            asked = nsmallest(requests, [*asked, *work.requests], key=attrgetter("key"))  # keys are hashes, so random
            longest = max([longest, *(request.prompt_tokens for request in work.requests)])
            lengths += _lengths(work)
            totals.update(
                to_generate=len(work.requests),
                redone=work.redone,
                prompt_tokens=sum(request.prompt_tokens for request in work.requests),
                reused=work.reused,
                settled=sum(row.raw_text is None for row in work.settled.values()),
                pending=work.pending,
            )
            progress.add(len(planned))
    plan_bytes = sum(path.stat().st_size for path in plan.folder.rglob("*.parquet"))
    found = Work(num_shards=job.manifest.num_shards, plan_bytes=plan_bytes, longest_prompt=longest, **totals)
    room = job.manifest.generation.max_model_len - job.manifest.generation.sampling.max_tokens
    return PlannedWork(found, lengths_of(lengths, room), asked, damaged)


def _damaged(job: Job, existing: dict[int, list[ShardFile]]) -> dict[str, str]:
    """Return the shards that a run would move aside according to the cheap checks, each with what is wrong."""
    receipts: dict[int, BucketReceipt | None] = {}
    for bucket in existing:
        with suppress(PipelineError):
            receipts[bucket] = read_receipt(job.storage, bucket)
    return {fault.name: fault.why for fault in examine(job, existing, receipts)}


def _rows(job: Job, file: ShardFile, damaged: dict[str, str]) -> list[Row]:
    """Return a shard's rows; none of a damaged one, which is added to `damaged`."""
    if file.name in damaged:
        return []
    try:
        return read_shard(job.storage, file.name).rows
    except DamagedShardError as error:
        damaged[file.name] = why_unreadable(error.__cause__ or error)
        return []


def damage_findings(damaged: dict[str, str]) -> list[Finding]:
    """Report shards that a run would move aside and generate again."""
    if not damaged:
        return []
    name, why = next(iter(damaged.items()))
    return [
        Finding(
            code="damaged_shards",
            severity="warning",
            count=len(damaged),
            what=f"shards of the output are damaged, such as: {name} {why}",
            mend="`entityclip generate` moves them to _damaged and generates their rows again; `entityclip verify` "
            "checks everything first",
        )
    ]


def length_findings(lengths: Lengths | None) -> list[Finding]:
    """Report prompts that do not fit into the LLM's context."""
    if lengths is None or not lengths.over_limit:
        return []
    return [
        Finding(
            code="prompts_over_context",
            severity="error" if lengths.over_limit == lengths.texts else "warning",
            count=lengths.over_limit,
            what=f"prompts with more than {lengths.limit:,} tokens, which is max_model_len minus max_tokens",
            mend="they get the status too_long: raise generation.max_model_len, or shorten the captions or the prompt",
        )
    ]


def prompt_findings(prompts: Prompts) -> list[Finding]:
    """Report how the chat template changes the prompt, and special tokens' texts in the data."""
    form = [
        Finding(
            code="prompt_form", severity="info", count=1, what=note, mend="nothing to do, if this is what you expect"
        )
        for note in prompts.form.notes
    ]
    if not prompts.special:
        return form
    special = Finding(
        code="special_tokens",
        severity="info",
        count=prompts.special.total(),
        what=prompts.special_note,
        mend="nothing to do: they are no special tokens for the LLM, nor for CLIP",
    )
    return [*form, special]


def _lengths(work: BucketWork) -> Counter[int]:
    """Count pairs by prompt length, including prompts that were sent before and prompts that are too long to send."""
    lengths: Counter[int] = Counter()
    for request in work.requests:
        lengths[request.prompt_tokens] += len(work.waiting[request.key])
    for row in work.settled.values():
        if row.key in work.too_long:
            lengths[work.too_long[row.key]] += 1
        elif row.key not in work.waiting and row.prompt_tokens is not None:
            lengths[row.prompt_tokens] += 1
    return lengths
