"""Rows from planned pairs: judged before the engine, or filled with what the engine said."""

from dataclasses import replace

from pipeline.cleaning import clean
from pipeline.engines.protocol import Completion
from pipeline.llm import LanguageModel
from pipeline.plan import PlannedPair
from pipeline.shard import Row
from pipeline.status import Status


def unsent_row(planned: PlannedPair, model: LanguageModel, status: Status, error: str | None) -> Row:
    """A row that does not reach the engine, and why."""
    return _row(planned, model, status=status, error=error)


def answered_row(planned: PlannedPair, model: LanguageModel, completion: Completion) -> Row:
    """A row with the engine's answer: raw text, finish_reason and usage as they came, then the cleaned text."""
    if completion.text is None:
        return _row(planned, model, status=Status.ERROR, error=completion.error or "the engine gave no text")
    status, explanation = _judged(completion.text, completion.finish_reason)
    return replace(
        _row(planned, model, status=status, error=None),
        explanation=explanation,
        raw_text=completion.text,
        finish_reason=completion.finish_reason,
        prompt_tokens=completion.prompt_tokens,
        completion_tokens=completion.completion_tokens,
    )


def status_of(completion: Completion) -> Status:
    """What a row with this answer would be."""
    return Status.ERROR if completion.text is None else _judged(completion.text, completion.finish_reason)[0]


def cleaned_again(row: Row) -> Row:
    """The row as its raw text would be cleaned and judged today; rows without a text stay as they are."""
    if row.raw_text is None:
        return row
    status, explanation = _judged(row.raw_text, row.finish_reason)
    return replace(row, status=status.value, explanation=explanation)


def _judged(raw_text: str, finish_reason: str | None) -> tuple[Status, str | None]:
    explanation = clean(raw_text)
    if not explanation:
        return Status.EMPTY, None
    return (Status.TRUNCATED if finish_reason == "length" else Status.OK), explanation


def copied_row(planned: PlannedPair, answer: Row) -> Row:
    """The row of a pair whose key already has an answer."""
    pair = planned.pair
    return replace(answer, id=pair.id, split=pair.split, image=pair.image, caption=pair.caption, topic=pair.topic)


def better_row(old: Row | None, new: Row) -> Row:
    """The new row, unless it is an error and the old one has a text: a failed top-up takes nothing away."""
    if old is not None and old.raw_text is not None and new.raw_text is None:
        return old
    return new


def _row(planned: PlannedPair, model: LanguageModel, *, status: Status, error: str | None) -> Row:
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
        key=planned.key,
        seed=planned.seed,
        model=model.name,
        revision=model.revision,
    )
