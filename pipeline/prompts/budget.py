"""What one rendering of a prompt may use, counted in characters: it bounds memory and time, and is the same everywhere.

Values of a template are plain: texts, numbers, None, and lists, tuples and dicts of them. Anything else (a method, a
loop, a macro) has no text that is the same in two processes, so it may be used, but neither written nor given away.
"""

import threading
from collections.abc import Iterator
from typing import Any

from jinja2 import Undefined
from jinja2.sandbox import SecurityError
from markupsafe import Markup

MAX_CHARACTERS = 1_000_000  # of a text; of a list with all its texts, a value counts ITEM more
MAX_WORK = 10_000_000  # of all that a rendering makes
MAX_DEPTH = 12  # of lists in lists
MAX_CALLS = 40  # of macros in macros; far below Python's own limit, which depends on the caller
MAX_BITS = 4096  # of an integer
STEP = 10  # characters that an operation counts as, for its time
CALL = 200  # the same for a call of a macro
ITEM = 8  # characters that a place in a list counts as, for its memory
_READ = 64  # characters that are read in the time in which one is made


class _Left(threading.local):
    """What the rendering of this thread has left."""

    work = MAX_WORK
    calls = MAX_CALLS


left = _Left()


def start() -> None:
    """Begin a rendering."""
    left.work = MAX_WORK
    left.calls = MAX_CALLS


def spend(characters: int) -> None:
    """Take from what is left; raise SecurityError if that is too little."""
    left.work -= characters
    if left.work < 0:
        raise SecurityError(
            f"the rendering makes more than {MAX_WORK:,} characters, with all that it does not show; "
            "use fewer loops and steps"
        )


def read(*values: Any) -> None:
    """Check values that an operation only reads; raise SecurityError if one is not plain."""
    size = 0
    for value in values:
        size += len(value) if type(value) is str else size_of(value)
    spend(STEP + size // _READ)


def made(value: Any) -> Any:
    """Return the result of an operation, an iterator as a list; raise SecurityError if it is too large or not plain."""
    if type(value) is str:
        size = len(value)
        if size > MAX_CHARACTERS:
            raise too_long()
    else:
        if isinstance(value, Iterator):
            value = _list_of(value)
        size = size_of(value)
    spend(size)
    return value


def too_long(what: str = "the text") -> SecurityError:
    """Return the error for a text that exceeds its limit."""
    return SecurityError(f"{what} becomes longer than {MAX_CHARACTERS:,} characters")


def size_of(value: Any, depth: int = 0) -> int:
    """Return a value's size in characters; raise SecurityError if it is too large or not plain."""
    kind = type(value)
    if kind is str or kind is Markup:
        size = len(value)
        if size > MAX_CHARACTERS:
            raise too_long()
        return size
    if kind is int:
        if (bits := value.bit_length()) > MAX_BITS:
            raise SecurityError(f"a number of more than {MAX_BITS:,} bits is too large for a prompt")
        return 1 + bits // 3
    if value is None or kind is bool or kind is float:
        return 1
    if isinstance(value, Undefined):
        return len(str(value)) if depth else 1  # in a list, it raises its error
    if not isinstance(value, list | tuple | dict):
        raise not_plain(value)
    if depth == MAX_DEPTH:
        raise SecurityError(f"lists in lists, more than {MAX_DEPTH} deep, are not allowed in prompts")
    size = ITEM
    for items in (value.keys(), value.values()) if isinstance(value, dict) else (value,):
        for item in items:
            size += ITEM + (len(item) if type(item) is str else size_of(item, depth + 1))
            if size > MAX_CHARACTERS + ITEM:
                raise too_long("a list")
    return size


def not_plain(value: Any) -> SecurityError:
    """Return the error for a value that has no text of its own."""
    return SecurityError(
        f"a {type(value).__name__} is no text and cannot be used as one in a prompt; use one of its values"
    )


def _list_of(values: Iterator[Any]) -> list[Any]:
    """Return the values of an iterator, of which there may be too many for memory."""
    found, size = [], 0
    for value in values:
        size += ITEM + size_of(value)
        if size > MAX_CHARACTERS:
            raise too_long("a list")
        found.append(value)
    return found
