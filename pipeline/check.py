"""A look at a job before any long work: what would happen, and what is wrong. Writes nothing but a demo world."""

import random
from collections import Counter
from dataclasses import dataclass

from pipeline.images import image_problem
from pipeline.job import Job
from pipeline.output import check_output
from pipeline.plan import PlannedPair, plan_pairs
from pipeline.prompt import Message
from pipeline.readers import read_pairs
from pipeline.resume import divide


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
    check_output(job.output, job.manifest.name, job.manifest.num_shards)
    pairs = read_pairs(job.manifest)
    planned = plan_pairs(pairs, manifest=job.manifest, prompt=job.prompt, model=job.model, limit=limit)
    sampled = random.Random(0).sample(planned, min(sample, len(planned)))
    images = (image_problem(job.manifest.image_root, p.pair.image) for p in sampled)
    problems = [problem for problem in images if problem is not None]
    empty = sum(not p.pair.caption.strip() for p in planned)
    if empty:
        problems.append(f"{empty} captions are empty")

    buckets: dict[tuple[str, int], list[PlannedPair]] = {}
    for p in planned:
        buckets.setdefault((p.pair.split, p.shard), []).append(p)
    works = [divide(job, split, shard, bucket) for (split, shard), bucket in sorted(buckets.items())]
    first = [p for p in planned if p.pair.caption.strip()][:3]
    chats = [job.prompt.render(p.pair) for p in first]
    tokens = job.model.count_tokens(chats)
    return CheckReport(
        pairs=dict(Counter(p.pair.split for p in planned)),
        images_checked=len(sampled),
        problems=problems,
        prompts=[RenderedPrompt(p.pair.id, c, n) for p, c, n in zip(first, chats, tokens, strict=True)],
        to_generate=sum(len(work.requests) for work in works),
        reused=sum(work.reused for work in works),
        settled=sum(len(work.settled) - work.reused for work in works),
    )
