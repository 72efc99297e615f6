"""Rows from planned pairs: judged before the engine, or filled with what the engine said."""

from dataclasses import replace

from entityclip.contract.status import Status
from pipeline.engines.base import Completion
from pipeline.judge.rules import Judge, Judgement
from pipeline.llm import LanguageModel
from pipeline.plan.plan import PlannedPair
from pipeline.shards.shard import Row


def unsent_row(planned: PlannedPair, model: LanguageModel, status: Status, error: str | None) -> Row:
    """A row without a text, and why."""
    pair = planned.pair
    return Row(
        id=pair.id,
        split=pair.split,
        image=pair.image,
        caption=pair.caption,
        topic=pair.topic,
        explanation=None,
        raw_text=None,
        status=status.value,
        error=error,
        finish_reason=None,
        prompt_tokens=None,
        completion_tokens=None,
        clip_tokens=None,
        key=planned.key,
        seed=planned.seed,
        model=model.name,
        revision=model.revision,
    )


def answered_row(planned: PlannedPair, model: LanguageModel, completion: Completion, found: Judgement | None) -> Row:
    """A row with the engine's answer: raw text, finish_reason and usage as they came, cleaned and judged as `found`.

    `found` is None where the completion has no text.
    """
    if found is None:
        return unsent_row(planned, model, Status.ERROR, completion.error or "the engine gave no text")
    pair = planned.pair
    return Row(
        id=pair.id,
        split=pair.split,
        image=pair.image,
        caption=pair.caption,
        topic=pair.topic,
        explanation=found.explanation,
        raw_text=completion.text,
        status=found.status.value,
        error=None,
        finish_reason=completion.finish_reason,
        prompt_tokens=completion.prompt_tokens,
        completion_tokens=completion.completion_tokens,
        clip_tokens=found.clip_tokens,
        key=planned.key,
        seed=planned.seed,
        model=model.name,
        revision=model.revision,
    )


def judged(completion: Completion, caption: str, judge: Judge) -> Judgement | None:
    """What an answer to this caption is worth; None where it has no text."""
    if completion.text is None:
        return None
    return judge.judge(caption, completion.text, completion.finish_reason)


def status_of(completion: Completion, caption: str, judge: Judge) -> Status:
    """What a row with this answer would be."""
    found = judged(completion, caption, judge)
    return Status.ERROR if found is None else found.status


def cleaned_again(row: Row, judge: Judge) -> Row:
    """The row as its raw text would be cleaned and judged today; rows without a text stay as they are."""
    if row.raw_text is None:
        return row
    found = judge.judge(row.caption, row.raw_text, row.finish_reason)
    return replace(row, status=found.status.value, explanation=found.explanation, clip_tokens=found.clip_tokens)


def copied_row(planned: PlannedPair, answer: Row) -> Row:
    """The row of a pair whose key already has an answer."""
    pair = planned.pair
    return replace(answer, id=pair.id, split=pair.split, image=pair.image, caption=pair.caption, topic=pair.topic)


def better_row(old: Row | None, new: Row) -> Row:
    """The new row, unless it is an error and the old one has a text: a failed top-up takes nothing away."""
    if old is not None and old.raw_text is not None and new.raw_text is None:
        return old
    return new
