"""What became of a row. Every planned pair ends as one row with one of these; nothing is dropped."""

from enum import StrEnum


class Status(StrEnum):
    """Row status; those down to `over_context` carry an explanation. `pipeline.judge` has the rules."""

    OK = "ok"
    TRUNCATED = "truncated"  # finish_reason `length`: the budget ended before the text did
    COPIED = "copied"  # the caption again, and nothing new
    OFF_LANGUAGE = "off_language"  # in another language than the manifest asks for
    ENTITY_MISSING = "entity_missing"  # too few of the caption's names are mentioned
    OVER_CONTEXT = "over_context"  # more tokens than CLIP reads
    REFUSED = "refused"  # the LLM declines
    EMPTY = "empty"  # the LLM said nothing
    EMPTY_CAPTION = "empty_caption"  # nothing to explain; never sent
    TOO_LONG = "too_long"  # the prompt leaves no room in max_model_len; never sent
    BAD_IMAGE = "bad_image"  # the image is missing or does not decode; never sent
    ERROR = "error"  # the engine refused or lost the row; see its error column
