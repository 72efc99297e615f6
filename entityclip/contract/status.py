"""Row statuses. Every planned pair becomes exactly one row with one of these statuses; none is dropped."""

from enum import StrEnum
from typing import Literal, Self, get_args


class Status(StrEnum):
    """A row's status and its meaning, in the order used in reports. `pipeline.judge` has the rules."""

    _value_: str
    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_, member.meaning = value, meaning
        return member

    OK = "ok", "a usable explanation"
    TRUNCATED = "truncated", "the token budget was used up before the text ended"
    COPIED = "copied", "repeats the caption and adds nothing"
    OFF_LANGUAGE = "off_language", "in another language than requested"
    ENTITY_MISSING = "entity_missing", "mentions too few of the caption's names"
    OVER_CONTEXT = "over_context", "more tokens than CLIP reads"
    REFUSED = "refused", "the LLM declined"
    EMPTY = "empty", "the LLM returned no text"
    EMPTY_CAPTION = "empty_caption", "there is no caption; never sent"
    TOO_LONG = "too_long", "the prompt leaves no room for an answer; never sent"
    BAD_IMAGE = "bad_image", "the image is missing or cannot be decoded; never sent"
    ERROR = "error", "the engine refused or lost the row"


# Statuses of rows that have an explanation, as plain strings for use in the types and messages of settings.
ExplainedStatus = Literal["ok", "truncated", "copied", "off_language", "entity_missing", "over_context"]
EXPLAINED: tuple[ExplainedStatus, ...] = get_args(ExplainedStatus)
