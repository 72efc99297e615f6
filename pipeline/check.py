"""A look at a job before any long work: what would happen, and what is wrong. Writes nothing but a demo world."""

import random
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from tqdm import tqdm

from pipeline.engines.protocol import Request
from pipeline.images import image_problem
from pipeline.job import Job
from pipeline.plan import Plan, PlannedPair, plan_pairs, write_plan
from pipeline.prepare import shards_there
from pipeline.probe import Probe, probe_engine
from pipeline.prompt import Message
from pipeline.readers import read_pairs
from pipeline.readers.notes import ReaderNotes
from pipeline.redo import NOTHING, Redo
from pipeline.resume import BucketWork, divide, spooled_answers
from pipeline.shard import ShardFile, read_shard
from pipeline.spool import read_spool

_PROMPTS = 3
_Item = TypeVar("_Item")


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
        pairs: by split; reading: what their reader cleaned or passed over, in words.
        num_shards: a split's; plan_bytes: size of the plan as it would be written.
        images_checked: how many images were decoded; problems: what was wrong with them, and with captions.
        prompts: the first three that would be sent.
        to_generate: distinct prompts to be sent, of which `redone` replace a text that is there.
        prompt_tokens: of all prompts to be sent, together; longest_prompt: the longest of them.
        reused: rows whose text is there.
        settled: rows that will be a status without a text.
        pending: pairs left out by the limit.
        probe: what the engine did with a few of the prompts, where it was asked.
    """

    pairs: dict[str, int]
    reading: list[str]
    num_shards: int
    plan_bytes: int
    images_checked: int
    problems: list[str]
    prompts: list[RenderedPrompt]
    to_generate: int
    redone: int
    prompt_tokens: int
    longest_prompt: int
    reused: int
    settled: int
    pending: int
    probe: Probe | None


def check_job(
    job: Job, *, sample: int = 200, limit: int | None = None, redo: Redo = NOTHING, probe_rows: int = 0
) -> CheckReport:
    """Plan without writing, decode a seeded sample of images, divide every bucket, and ask the engine a few prompts.

    Args:
        sample: how many images to decode; a run decodes each before it sends the caption.
        limit: only the first so many pairs.
        redo: statuses that a run would redo.
        probe_rows: how many prompts the engine is asked; 0 leaves it alone.

    Raises:
        PipelineError: as generating would.
    """
    there = shards_there(job)
    images: _Sample[PlannedPair] = _Sample(sample)
    asked: _Sample[Request] = _Sample(probe_rows)
    first: list[PlannedPair] = []
    empty = 0
    notes = ReaderNotes()

    def looked_at(planned: Iterable[PlannedPair]) -> Iterator[PlannedPair]:
        nonlocal empty
        for one in planned:
            empty += not one.pair.caption.strip()
            if len(first) < _PROMPTS and one.pair.caption.strip():
                first.append(one)
            images.add(one)
            yield one

    to_generate = redone = prompt_tokens = longest = reused = settled = pending = 0
    with tempfile.TemporaryDirectory() as folder:
        pairs = looked_at(plan_pairs(read_pairs(job.manifest, notes), job, limit))
        plan = write_plan(pairs, Path(folder) / "plan", job.manifest.num_shards)
        plan_bytes = sum(path.stat().st_size for path in plan.folder.rglob("*.parquet"))
        if sum(plan.pairs.values()) > sample:  # a run decodes every image, this only the sample
            divided = replace(job, manifest=job.manifest.with_changes({"check_images": False}))
        else:
            divided = job
        for bucket in tqdm(plan.buckets, desc="check", unit=" buckets", delay=2, disable=None):
            work = _divided(divided, plan, bucket, there.get(bucket, []), redo)
            for request in work.requests:
                asked.add(request)
                prompt_tokens += request.prompt_tokens
                longest = max(longest, request.prompt_tokens)
            to_generate += len(work.requests)
            redone += work.redone
            reused += work.reused
            settled += sum(row.raw_text is None for row in work.settled.values())
            pending += work.pending
    found = (image_problem(job.manifest.image_root, one.pair.image) for one in images.items)
    problems = [problem for problem in found if problem is not None]
    if empty:
        problems.append(f"{empty} captions are empty")
    chats = [job.prompt.render(p.pair) for p in first]
    tokens = [len(ids) for ids in job.model.encode(chats)]
    return CheckReport(
        pairs=plan.pairs,
        reading=notes.lines(),
        num_shards=job.manifest.num_shards,
        plan_bytes=plan_bytes,
        images_checked=len(images.items),
        problems=problems,
        prompts=[RenderedPrompt(p.pair.id, c, n) for p, c, n in zip(first, chats, tokens, strict=True)],
        to_generate=to_generate,
        redone=redone,
        prompt_tokens=prompt_tokens,
        longest_prompt=longest,
        reused=reused,
        settled=settled,
        pending=pending,
        probe=probe_engine(job, asked.items, to_generate) if asked.items else None,
    )


def _divided(job: Job, plan: Plan, bucket: int, files: list[ShardFile], redo: Redo) -> BucketWork:
    existing = [row for file in files for row in read_shard(job.storage, file.name).rows]
    pairs = plan.bucket(bucket).pairs()
    return divide(job, pairs, existing, spooled_answers(job, pairs, read_spool(job.spool_path(bucket)), redo), redo)


class _Sample(Generic[_Item]):
    """A uniform sample of a stream, seeded (reservoir sampling)."""

    def __init__(self, size: int) -> None:
        self.items: list[_Item] = []
        self._size = size
        self._seen = 0
        self._rng = random.Random(0)

    def add(self, item: _Item) -> None:
        """Perhaps keep an item."""
        self._seen += 1
        if len(self.items) < self._size:
            self.items.append(item)
        elif (place := self._rng.randrange(self._seen)) < self._size:
            self.items[place] = item
