"""Decides which rows of a bucket to keep and which to generate, given its plan, existing shards and spool."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from entityclip.contract.status import Status
from pipeline.engines.base import Completion, Request
from pipeline.generation.redo import NOTHING, Redo
from pipeline.generation.rows import answered_row, better_row, copied_row, judged, unsent_row
from pipeline.generation.spool import Session
from pipeline.images.check import image_problem
from pipeline.images.remote import fetch_images
from pipeline.job import Job
from pipeline.pair import Pair
from pipeline.plan.plan import PlannedPair
from pipeline.shards.shard import Row


@dataclass(frozen=True)
class BucketWork:
    """A bucket's planned pairs, divided into finished rows and requests.

    Attributes:
        settled: finished rows by (split, id); a row that is being redone is replaced if its request succeeds.
        reused: number of `settled` rows whose text already existed.
        requests: one per distinct key that has no text yet, or has a text to be redone.
        waiting: the pairs that each request answers, by key; identical prompts are sent only once.
        too_long: length in tokens of each prompt that does not fit into the model's context, by key.
        redone: number of `requests` that replace an existing answer.
        pending: number of pairs that a `limit` left for a later run.
    """

    settled: dict[tuple[str, str], Row]
    reused: int
    requests: list[Request]
    waiting: dict[str, list[PlannedPair]]
    too_long: dict[str, int]
    redone: int
    pending: int


def divide(
    job: Job,
    bucket: list[PlannedPair],
    existing: list[Row],
    spooled: list[Completion],
    redo: Redo = NOTHING,
    problem_of: Callable[[str], str | None] | None = None,
) -> BucketWork:
    """Divide a planned bucket into rows to keep and requests to send.

    Rows are matched by key, never by position. A row that was never sent, for example because its image was missing, is
    checked again, as the cause may have been fixed; a row with an engine error is kept unless `redo` includes `error`.
    Spooled answers are newer than the answers in the shards, and are not redone again.

    Args:
        problem_of: function that returns why an image cannot be used, or None. Default: fetch and decode the image.
    """
    old_rows = {(row.split, row.id): row for row in existing}
    fresh = {completion.key: completion for completion in spooled}
    answers = {row.key: row for row in existing if row.was_sent and row.status not in redo.statuses}
    settled: dict[tuple[str, str], Row] = {}
    open_pairs: list[PlannedPair] = []
    redone: set[str] = set()  # keys
    reused = pending = 0
    if problem_of is None:
        if job.manifest.check_images:
            fetch_images(job.manifest, (planned.pair.image for planned in bucket if planned.selected))
        problem_of = partial(image_problem, job.manifest.image_root)
    for planned in bucket:
        place = (planned.pair.split, planned.pair.id)
        old = old_rows.get(place)
        if old is not None and old.key != planned.key:
            old = None
        if old is not None and old.was_sent and old.status not in redo.statuses and planned.key not in fresh:
            settled[place] = copied_row(planned, old)
            reused += 1
        elif not planned.selected and planned.key not in fresh:
            pending += old is None
            if old is not None:
                settled[place] = copied_row(planned, old)
        elif (problem := _problem(job, planned.pair, problem_of)) is not None:
            settled[place] = better_row(old, unsent_row(planned, job.model, *problem))  # keep an existing text
        elif planned.key in fresh:
            verdict = judged(fresh[planned.key], planned.pair.caption, job.judge)
            settled[place] = better_row(old, answered_row(planned, job.model, fresh[planned.key], verdict))
            reused += 1
        elif planned.key in answers:
            settled[place] = copied_row(planned, answers[planned.key])
            reused += 1
        else:
            if old is not None and old.was_sent:
                settled[place] = old  # kept unless redoing it succeeds
                redone.add(planned.key)
            open_pairs.append(planned)
    requests, waiting, unsent, too_long = _requests(job, open_pairs, redone, redo.max_tokens)
    for row in unsent:
        settled.setdefault((row.split, row.id), row)
    return BucketWork(settled, reused, requests, waiting, too_long, len(redone & waiting.keys()), pending)


def spooled_answers(job: Job, bucket: list[PlannedPair], sessions: list[Session], redo: Redo) -> list[Completion]:
    """Return a bucket's spooled answers, except those that are to be redone."""
    captions = {planned.key: planned.pair.caption for planned in bucket}

    def counts(completion: Completion, session: Session) -> bool:
        if not redo.statuses or "redo" in session.about or completion.key not in captions:
            return True
        verdict = judged(completion, captions[completion.key], job.judge)
        return (Status.ERROR if verdict is None else verdict.status) not in redo.statuses

    return [c for session in sessions for c in session.completions if counts(c, session)]


def _problem(job: Job, pair: Pair, problem_of: Callable[[str], str | None]) -> tuple[Status, str] | None:
    if not pair.caption.strip():
        return Status.EMPTY_CAPTION, "the caption is empty"
    if job.manifest.check_images and (problem := problem_of(pair.image)) is not None:
        return Status.BAD_IMAGE, problem
    return None


def _requests(
    job: Job, open_pairs: list[PlannedPair], redone: set[str], redo_max_tokens: int | None
) -> tuple[list[Request], dict[str, list[PlannedPair]], list[Row], dict[str, int]]:
    """Return requests, pairs by key, rows for prompts that cannot be sent, and the lengths of too long ones by key."""
    waiting: dict[str, list[PlannedPair]] = {}
    for planned in open_pairs:
        waiting.setdefault(planned.key, []).append(planned)
    prompts = {key: job.prompts.prompt(pairs[0].pair) for key, pairs in waiting.items()}
    encoded = job.prompts.encode(list(prompts.values()))
    generation = job.manifest.generation
    requests: list[Request] = []
    unsent: list[Row] = []
    too_long: dict[str, int] = {}
    for (key, prompt), ids in zip(prompts.items(), encoded, strict=True):
        if isinstance(ids, str):
            unsent.extend(unsent_row(p, job.model, Status.ERROR, ids) for p in waiting.pop(key))
            continue
        redo_budget = redo_max_tokens if key in redone else None
        max_tokens = generation.sampling.max_tokens if redo_budget is None else redo_budget
        room = generation.max_model_len - max_tokens
        if len(ids) <= room:
            first = waiting[key][0]
            image = job.manifest.image_root / first.pair.image
            # resolved, because a server accepts only images in its allowed folder
            url = image.resolve().as_uri() if generation.send_image else None
            requests.append(Request(key, prompt.messages, ids, first.seed, max_tokens, url))
            continue
        reason = (
            f"the prompt has {len(ids)} tokens; max_model_len {generation.max_model_len} less "
            f"max_tokens {max_tokens} leaves {room}"
        )
        unsent.extend(unsent_row(p, job.model, Status.TOO_LONG, reason) for p in waiting.pop(key))
        too_long[key] = len(ids)
    return requests, waiting, unsent, too_long
