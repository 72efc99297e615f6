"""Selects a few sample pairs and prompts for a report."""

from dataclasses import asdict
from itertools import islice

import numpy as np

from pipeline.chat.prompts import Prompt
from pipeline.checking.images import choose
from pipeline.checking.pair_file import PairFile
from pipeline.checking.report import Message, RenderedPrompt, Sample
from pipeline.job import Job
from pipeline.judge.rules import open_judge
from pipeline.manifest.manifest import Manifest


def samples_of(rows: PairFile, manifest: Manifest, job: Job | None) -> list[Sample]:
    """Return five pairs, drawn with a fixed seed, and their lengths; prompt lengths are None unless `job` is given."""
    count_clip_tokens = open_judge(manifest).count_tokens
    chosen = choose(np.arange(len(rows)), 5).tolist()
    return [
        Sample(
            row=row,
            **asdict(pair),
            clip_tokens=count_clip_tokens(pair.caption),
            prompt_tokens=_tokens(job, job.prompts.prompt(pair)) if job is not None else None,
        )
        for row, pair in zip(chosen, map(rows.pair, chosen), strict=True)
    ]


def rendered_prompts(rows: PairFile, job: Job) -> list[RenderedPrompt]:
    """Return the first three prompts, skipping pairs whose caption is empty."""
    prompts = []
    for pair in islice((pair for pair in rows.pairs() if pair.caption.strip()), 3):
        prompt = job.prompts.prompt(pair)
        messages = [Message.model_validate(message) for message in prompt.messages]
        prompts.append(RenderedPrompt(id=pair.id, messages=messages, tokens=_tokens(job, prompt) or 0))
    return prompts


def _tokens(job: Job, prompt: Prompt) -> int | None:
    """Return the length of a prompt in tokens; None if the chat template cannot be used for it."""
    ids = job.prompts.encode([prompt])[0]
    return None if isinstance(ids, str) else len(ids)
