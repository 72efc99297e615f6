"""Builds rows from planned pairs, with or without an answer from the engine."""

from dataclasses import replace

from entityclip.contract.status import Status
from pipeline.engines.base import Completion
from pipeline.judge.rules import Judge, Judgement
from pipeline.llm import LanguageModel
from pipeline.plan.plan import PlannedPair
from pipeline.shards.shard import Row


def unsent_row(planned: PlannedPair, model: LanguageModel, status: Status, error: str | None) -> Row:
    """Return a row without a text; `error` gives the reason."""
    pair = planned.pair
    return Row(
        id=pair.id,
        split=pair.split,
        image=pair.image,
        caption=pair.caption,
        topic=pair.topic,
        status=status.value,
        error=error,
        key=planned.key,
        seed=planned.seed,
        model=model.name,
        revision=model.revision,
    )


def answered_row(planned: PlannedPair, model: LanguageModel, completion: Completion, verdict: Judgement | None) -> Row:
    """Return a row with the engine's answer; `verdict` is None if the completion has no text."""
    if verdict is None:
        return unsent_row(planned, model, Status.ERROR, completion.error or "the engine returned no text")
    return replace(
        unsent_row(planned, model, verdict.status, None),
        explanation=verdict.explanation,
        raw_text=completion.text,
        finish_reason=completion.finish_reason,
        prompt_tokens=completion.prompt_tokens,
        completion_tokens=completion.completion_tokens,
        clip_tokens=verdict.clip_tokens,
    )


def judged(completion: Completion, caption: str, judge: Judge) -> Judgement | None:
    """Judge the explanation generated for a caption; return None if the completion has no text."""
    if completion.text is None:
        return None
    return judge.judge(caption, completion.text, completion.finish_reason)


def cleaned_again(row: Row, judge: Judge) -> Row:
    """Return the row with its raw text cleaned and judged again; a row without a text is returned unchanged."""
    if row.raw_text is None:
        return row
    verdict = judge.judge(row.caption, row.raw_text, row.finish_reason)
    return replace(row, status=verdict.status.value, explanation=verdict.explanation, clip_tokens=verdict.clip_tokens)


def copied_row(planned: PlannedPair, answer: Row) -> Row:
    """Return the row for a pair, with the answer copied from a row with the same key."""
    pair = planned.pair
    return replace(answer, id=pair.id, split=pair.split, image=pair.image, caption=pair.caption, topic=pair.topic)


def better_row(old: Row | None, new: Row) -> Row:
    """Return `new`, or `old` if only `old` has a text, so that a failed redo does not lose the old text."""
    if old is not None and old.raw_text is not None and new.raw_text is None:
        return old
    return new
