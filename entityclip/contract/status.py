"""Row statuses. Every planned pair becomes exactly one row with one of these statuses; none is dropped."""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, NamedTuple, Self, get_args


class Status(StrEnum):
    """The status of a row. Members are in the order used in reports; `pipeline.judge.rules` defines the rules."""

    _value_: str
    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_, member.meaning = value, meaning
        return member

    OK = "ok", "a usable explanation"
    TRUNCATED = "truncated", "the token budget was used up before the text ended"
    COPIED = "copied", "repeats the caption and adds nothing"
    OFF_LANGUAGE = "off_language", "in a language other than the requested one"
    ENTITY_MISSING = "entity_missing", "mentions too few of the caption's names"
    OVER_CONTEXT = "over_context", "more tokens than CLIP reads"
    REFUSED = "refused", "the LLM refused to answer"
    EMPTY = "empty", "the LLM returned no text"
    EMPTY_CAPTION = "empty_caption", "the caption is empty; not sent to the LLM"
    TOO_LONG = "too_long", "the prompt leaves no room for an answer; not sent to the LLM"
    BAD_IMAGE = "bad_image", "the image is missing or cannot be decoded; not sent to the LLM"
    ERROR = "error", "the engine returned an error or no answer"


# Statuses of rows that have an explanation, as plain strings for use in the types and messages of settings.
ExplainedStatus = Literal["ok", "truncated", "copied", "off_language", "entity_missing", "over_context"]
EXPLAINED: tuple[ExplainedStatus, ...] = get_args(ExplainedStatus)


class UnusedRows(NamedTuple):
    """Rows that training does not use because of their status."""

    total: int
    named: str  # `27 entity_missing, 1 refused`, the most frequent first
    usable: list[str]  # statuses of rows that have an explanation


def unused_rows(statuses: Mapping[str, int], used: Mapping[str, int]) -> UnusedRows:
    """Describe the rows that are not used, given numbers of rows by status: of all rows, and of those used."""
    unused = Counter(statuses) - Counter(used)
    named = ", ".join(f"{count:,} {status}" for status, count in unused.most_common())
    return UnusedRows(unused.total(), named, [status for status in EXPLAINED if statuses.get(status)])
