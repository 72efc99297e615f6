"""A look at a job before any long work: what would happen, and what is wrong. Writes nothing but a demo world."""

import random
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.images import image_problem
from pipeline.job import Job
from pipeline.plan import Plan, PlannedPair, plan_pairs, write_plan
from pipeline.prepare import shards_there
from pipeline.prompt import Message
from pipeline.readers import read_pairs
from pipeline.resume import divide
from pipeline.shard import ShardFile, read_shard
from pipeline.spool import read_spool

_PROMPTS = 3


@dataclass(frozen=True)
class RenderedPrompt:
    """A pair's chat and its length in the LLM's tokens."""

    id: str
    messages: list[Message]
    tokens: int


@dataclass(frozen=True)
class CheckReport:
    """What `entityclip check` shows.

    Attributes:
        pairs: by split.
        images_checked: how many images were decoded; problems: what was wrong with them, and with captions.
        prompts: the first three that would be sent.
        to_generate: distinct prompts without a text.
        reused: rows whose text is there.
        settled: rows that will be a status without a text.
    """

    pairs: dict[str, int]
    images_checked: int
    problems: list[str]
    prompts: list[RenderedPrompt]
    to_generate: int
    reused: int
    settled: int


def check_job(job: Job, *, sample: int = 200, limit: int | None = None) -> CheckReport:
    """Plan without writing, decode a seeded sample of images, and divide every shard.

    Raises:
        PipelineError: as generating would.
    """
    there = shards_there(job)
    rng = random.Random(0)
    sampled: list[PlannedPair] = []
    first: list[PlannedPair] = []
    empty = 0

    def looked_at(planned: Iterable[PlannedPair]) -> Iterator[PlannedPair]:
        """Pass the pairs on, keeping the first few and a uniform sample (reservoir)."""
        nonlocal empty
        for count, one in enumerate(planned):
            empty += not one.pair.caption.strip()
            if len(first) < _PROMPTS and one.pair.caption.strip():
                first.append(one)
            if len(sampled) < sample:
                sampled.append(one)
            elif (place := rng.randint(0, count)) < sample:
                sampled[place] = one
            yield one

    with tempfile.TemporaryDirectory() as folder:
        pairs = looked_at(plan_pairs(read_pairs(job.manifest), job, limit))
        plan = write_plan(pairs, Path(folder) / "plan", job.manifest.num_shards)
        works = [_divided(job, plan, bucket, there.get(bucket, [])) for bucket in range(plan.num_buckets)]
    images = (image_problem(job.manifest.image_root, one.pair.image) for one in sampled)
    problems = [problem for problem in images if problem is not None]
    if empty:
        problems.append(f"{empty} captions are empty")
    chats = [job.prompt.render(p.pair) for p in first]
    tokens = [len(ids) for ids in job.model.encode(chats)]
    return CheckReport(
        pairs=plan.pairs,
        images_checked=len(sampled),
        problems=problems,
        prompts=[RenderedPrompt(p.pair.id, c, n) for p, c, n in zip(first, chats, tokens, strict=True)],
        to_generate=sum(requests for requests, _, _ in works),
        reused=sum(reused for _, reused, _ in works),
        settled=sum(settled - reused for _, reused, settled in works),
    )


def _divided(job: Job, plan: Plan, bucket: int, files: list[ShardFile]) -> tuple[int, int, int]:
    """Requests, reused rows and settled rows of a bucket."""
    existing = [row for file in files for row in read_shard(job.storage, file.name).rows]
    spooled = [c for session in read_spool(job.spool_path(bucket)) for c in session.completions]
    work = divide(job, plan.bucket(bucket).pairs(), existing, spooled)
    return len(work.requests), work.reused, len(work.settled)
