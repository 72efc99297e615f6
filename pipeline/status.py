"""What became of a row. Every planned pair ends as one row with one of these; nothing is dropped."""

from enum import StrEnum


class Status(StrEnum):
    """Row status; `ok` and `truncated` carry an explanation."""

    OK = "ok"
    TRUNCATED = "truncated"  # finish_reason `length`: the budget ended before the text did
    EMPTY = "empty"  # the LLM said nothing
    EMPTY_CAPTION = "empty_caption"  # nothing to explain; never sent
    TOO_LONG = "too_long"  # the prompt leaves no room in max_model_len; never sent
    BAD_IMAGE = "bad_image"  # the image is missing or does not decode; never sent
    ERROR = "error"  # the engine refused or lost the row; see its error column
