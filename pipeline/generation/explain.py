"""Explains pairs or captions from Python as a run would, but without a plan, shards or Prefect."""

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from entityclip.contract.progress import Progress
from pipeline.engines.base import Completion, Request
from pipeline.engines.factory import check_engine, engine_without_log
from pipeline.errors import PipelineError
from pipeline.files.visible_text import visible
from pipeline.generation.resume import divide
from pipeline.generation.rows import answered_row, judged
from pipeline.job import Job, open_job
from pipeline.manifest.engine_kind import EngineKind
from pipeline.pair import Pair
from pipeline.plan.plan import plan_pairs
from pipeline.prompts.template import Message
from pipeline.shards.shard import Row


@dataclass(frozen=True)
class Explained:
    """Rows as a run would write them.

    Attributes:
        rows: one per pair, in the order of the pairs.
        prompts: the messages that were sent, by row key; rows that did not need the LLM have no entry.
        engine: name and version of the engine; None if nothing was sent.
        opening_seconds: time to start the engine or load the model.
        seconds: time from the first request to the last answer.
    """

    rows: list[Row]
    prompts: dict[str, list[Message]]
    engine: str | None = None
    opening_seconds: float = 0.0
    seconds: float = 0.0


def explain(captions: Sequence[str], manifest: Path | str, *, engine: EngineKind | None = None) -> list[Row]:
    """Explain captions with a manifest's LLM, prompt, sampling and judge; return a row per caption.

    A row has the `explanation` and its `status`. Its key and text match what `entityclip generate` produces for the
    same caption. No image is read.

    Args:
        engine: kind of engine to use instead of the manifest's.

    Raises:
        PipelineError: the manifest is invalid or sends images to the LLM, or the engine cannot be opened.
    """
    if isinstance(captions, str):
        raise TypeError("captions must be a list of texts, not a single text")
    job = open_job(Path(manifest), engine=engine)
    if job.manifest.generation.send_image:
        raise PipelineError(f"{manifest}: generation.send_image is set, so captions alone cannot be explained")
    without_images = replace(job, manifest=job.manifest.model_copy(update={"check_images": False}))
    pairs = [Pair(str(n), "test", "", text) for n, text in enumerate(captions)]
    return explain_pairs(without_images, pairs).rows if pairs else []


def explain_pairs(job: Job, pairs: Iterable[Pair]) -> Explained:
    """Explain the pairs with the job's engine, which is opened only if at least one pair has to be sent.

    Raises:
        PipelineError: the engine cannot be opened, or it fails.
    """
    check_engine(job)
    planned = list(plan_pairs(pairs, job))
    for line in job.prompts.notes:
        print(visible(line), file=sys.stderr, flush=True)
    work = divide(job, planned, existing=[], spooled=[])
    asked = _ask(job, work.requests) if work.requests else _Answers([])
    found = dict(work.settled)
    for completion in asked.completions:
        for one in work.waiting[completion.key]:
            verdict = judged(completion, one.pair.caption, job.judge)
            found[one.pair.split, one.pair.id] = answered_row(one, job.model, completion, verdict)
    rows = [found[one.pair.split, one.pair.id] for one in planned]
    prompts = {request.key: request.messages for request in work.requests}
    return Explained(rows, prompts, asked.engine, asked.opening_seconds, asked.seconds)


@dataclass(frozen=True)
class _Answers:
    completions: list[Completion]
    engine: str | None = None
    opening_seconds: float = 0.0
    seconds: float = 0.0


def _ask(job: Job, requests: list[Request]) -> _Answers:
    print(
        f"opening the {job.manifest.generation.engine.kind} engine with {job.model.name}", file=sys.stderr, flush=True
    )
    began = time.monotonic()
    with engine_without_log(job) as engine, Progress("ask", "rows", len(requests)) as progress:
        opened = time.monotonic()
        completions = []
        for completion in engine.complete(requests):
            completions.append(completion)
            progress.add(tokens=completion.completion_tokens or 0)
        name = f"{engine.name} {engine.version}"
        return _Answers(completions, name, opened - began, time.monotonic() - opened)
