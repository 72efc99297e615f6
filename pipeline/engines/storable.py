"""Decides which completions can be stored in a spool and a shard; the others become completions with an error."""

import re

from pipeline.engines.base import Completion
from pipeline.files.visible_text import visible

LONGEST_TEXT = 500_000  # characters; twice what a model writes that thinks for 64,000 tokens
LONGEST_ERROR = 1_000  # characters
_EXCERPT = 80  # characters of the answer that the reason shows
_LARGEST_COUNT = 2**31 - 1  # shards count tokens in 32 bits
_FINISH_REASONS = ("stop", "length", None)
# Other control characters are white space, or in U+0080 to U+009F: old encodings read wrongly, which cleaning removes.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f]")


def storable(completion: Completion) -> Completion:
    """Return the completion if it can be stored, or else one with an error that says why not.

    An error is printable and has at most `LONGEST_ERROR` characters.
    """
    if completion.error is not None:
        error = visible(str(completion.error))
        error = error if len(error) <= LONGEST_ERROR else f"{error[: LONGEST_ERROR - 1]}…"
        return completion if error == completion.error else Completion(completion.key, error=error)
    why = _why_not(completion)
    return completion if why is None else Completion(completion.key, error=why)


def _why_not(completion: Completion) -> str | None:
    text = completion.text
    if text is not None:
        if not isinstance(text, str):
            return f"the answer cannot be stored: its text is {_shown(text)}"
        if len(text) > LONGEST_TEXT:
            return (
                f"the answer cannot be stored: it has {len(text):,} characters, and at most {LONGEST_TEXT:,} "
                f"are kept; it begins {_shown(text)}"
            )
        if (problem := _problem(text)) is not None:
            return f"the answer cannot be stored: {problem}; it begins {_shown(text)}"
    if completion.finish_reason not in _FINISH_REASONS:
        return f"the answer cannot be stored: its finish_reason is {_shown(completion.finish_reason)}"
    for name in ("prompt_tokens", "completion_tokens"):
        count = getattr(completion, name)
        if count is not None and not (type(count) is int and 0 <= count <= _LARGEST_COUNT):
            return f"the answer cannot be stored: its {name} is {_shown(count)}, which is no number of tokens"
    return None


def _problem(text: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"it has half of a surrogate pair ({_shown(text[error.start])} at character {error.start + 1:,})"
    control = _CONTROL.search(text)
    if control is None:
        return None
    return f"it has a control character ({_shown(control[0])} at character {control.start() + 1:,})"


def _shown(value: object) -> str:
    """Return a short, printable form of a value from outside; text is in quotation marks."""
    if isinstance(value, str):
        return f"'{visible(value, _EXCERPT)}'"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return f"a number of {value.bit_length():,} bits"  # Python refuses to write very long numbers
    if isinstance(value, list | dict):
        return f"a {type(value).__name__} of {len(value):,}"
    return f"{value!r}" if isinstance(value, bool | int | float) else f"a {type(value).__name__}"
