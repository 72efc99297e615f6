"""The filters, tests and methods that prompts may use, each checked before it makes a text that is too large."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from jinja2 import Undefined
from jinja2.defaults import DEFAULT_FILTERS, DEFAULT_TESTS
from jinja2.runtime import Context
from jinja2.sandbox import SecurityError
from jinja2.utils import _PassArg, pass_context
from markupsafe import Markup

from pipeline.prompts.budget import MAX_CHARACTERS, made, read, size_of, too_long

_TEXT = frozenset(
    "capitalize casefold center count endswith expandtabs find index isalnum isalpha isascii isdecimal isdigit "
    "isidentifier islower isnumeric isprintable isspace istitle isupper join ljust lower lstrip partition removeprefix "
    "removesuffix replace rfind rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase title "
    "upper zfill".split()
)
METHODS: dict[type, frozenset[str]] = {
    str: _TEXT,
    Markup: _TEXT | {"striptags", "unescape"},
    list: frozenset({"count", "index", "copy"}),
    tuple: frozenset({"count", "index"}),
    dict: frozenset({"copy", "get", "items", "keys", "values"}),
}
# Random, or of no use for a prompt and hard to bound: `attr` gives methods, the others build HTML or pad.
_NO_FILTERS = {"attr", "format", "random", "urlize", "xmlattr"}
_LARGEST_STEP = 100_000  # of `batch` and `slice`
_MOST_DIGITS = 1_000  # of a text that becomes a number


def check_method(name: str, text: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise SecurityError if a method's arguments are not plain, or its result would be too large."""
    read(text, *args, *kwargs.values())
    if isinstance(text, str) and name in _SIZES_OF_METHODS:
        _fits(_SIZES_OF_METHODS[name](text, *args, **kwargs))


def filters() -> dict[str, Callable[..., Any]]:
    """Return the filters of prompts."""
    return {
        name: _limited(function, _SIZES_OF_FILTERS.get(name))
        for name, function in DEFAULT_FILTERS.items()
        if name not in _NO_FILTERS
    }


def tests() -> dict[str, Callable[..., Any]]:
    """Return the tests of prompts."""
    return {name: _limited(function, None) for name, function in _TESTS.items()}


def _limited(function: Callable[..., Any], size: Callable[..., int] | None) -> Callable[..., Any]:
    passed = _PassArg.from_obj(function)

    @pass_context  # so that Jinja does not evaluate it while compiling, for which there is no budget
    @wraps(function, updated=())
    def limited(context: Context, *args: Any, **kwargs: Any) -> Any:
        read(*args, *kwargs.values())
        if size is not None:
            _fits(size(*args, **kwargs))
        if passed is _PassArg.context:
            return made(function(context, *args, **kwargs))
        if passed is _PassArg.eval_context:
            return made(function(context.eval_ctx, *args, **kwargs))
        if passed is _PassArg.environment:
            return made(function(context.environment, *args, **kwargs))
        return made(function(*args, **kwargs))

    return limited


def _fits(size: int) -> None:
    if size > MAX_CHARACTERS:
        raise too_long()


def _same(value: Any, other: Any) -> bool:
    """Return whether two values are the same None, True or False; of texts, that depends on Python's memory."""
    if not any(one is None or isinstance(one, bool) for one in (value, other)):
        raise SecurityError("`is sameas` compares places in memory, which differ between runs; use ==")
    return value is other


_TESTS: dict[str, Any] = {**DEFAULT_TESTS, "sameas": _same}


# Upper bounds of the sizes of results, for what can be much larger than the arguments. Where arguments do not fit,
# these raise the same exceptions as what they stand for.


def _center(text: Any, width: int = 80, fillchar: str = " ") -> int:
    return max(len(str(text)), width) + len(fillchar)


def _expandtabs(text: str, tabsize: int = 8) -> int:
    return len(text) + text.count("\t") * max(tabsize, 0)


def _replace(text: Any, old: Any, new: Any, count: int | None = None) -> int:
    before, old, new = str(text), str(old), str(new)
    times = before.count(old)
    if count is not None and count >= 0:
        times = min(times, count)
    return len(before) + times * max(len(new) - len(old), 0)


def _join(values: Any, separator: Any = "", attribute: Any = None) -> int:
    return size_of(values) + len(values) * (len(str(separator)) - 7 if not isinstance(values, str) else len(separator))


def _indent(text: Any, width: int | str = 4, first: bool = False, blank: bool = False) -> int:
    lines = str(text).count("\n") + len(str(text).splitlines()) + 1
    return len(str(text)) + lines * (width if isinstance(width, int) else len(width))


def _wordwrap(
    text: Any,
    width: int = 79,
    break_long_words: bool = True,
    wrapstring: str | None = None,
    break_on_hyphens: bool = True,
) -> int:
    length = len(str(text))
    longest = max(map(len, str(text).split()), default=0)
    if longest * longest > 10**10 * max(width, 1):  # its time grows with the square of a word's length
        raise SecurityError("wordwrap of such a long word is not allowed in prompts; truncate it first")
    return length + (len(wrapstring) - 1) * length if wrapstring else length


def _batch(values: Any, linecount: int, fill_with: Any = None) -> int:
    return _step(linecount)


def _slice(values: Any, slices: int, fill_with: Any = None) -> int:
    return _step(slices)


def _step(count: int) -> int:
    if count > _LARGEST_STEP:
        raise SecurityError(f"batch and slice are limited to {_LARGEST_STEP:,} in prompts")
    return 0


def _round(value: Any, precision: int = 0, method: str = "common") -> int:
    if abs(precision) > 99:
        raise SecurityError("round is limited to 99 digits in prompts")
    return 0


def _tojson(value: Any, indent: int | str | None = None) -> int:
    if indent is None:
        return 0
    return size_of(value) * (1 + (indent if isinstance(indent, int) else len(indent)))


def _to_int(value: Any, default: Any = 0, base: int = 10) -> int:
    if isinstance(value, str) and len(value) > _MOST_DIGITS:
        raise SecurityError(f"a text of more than {_MOST_DIGITS:,} characters is no number for a prompt")
    return 0


def _pprint(value: Any) -> int:
    if isinstance(value, Undefined):
        str(value)  # raises its error
    if _has_mixed_keys(value):
        raise SecurityError("pprint sorts such a dict by places in memory; use tojson, or make all keys texts")
    return 0


def _has_mixed_keys(value: Any) -> bool:
    if isinstance(value, dict):
        inside = [*value.values()]
        return not all(isinstance(key, str) for key in value) or any(map(_has_mixed_keys, inside))
    return isinstance(value, list | tuple) and any(map(_has_mixed_keys, value))


_SIZES_OF_METHODS: dict[str, Callable[..., int]] = {
    "center": _center,
    "expandtabs": _expandtabs,
    "join": lambda separator, values: _join(values, separator),
    "ljust": _center,
    "replace": _replace,
    "rjust": _center,
    "zfill": _center,
}
_SIZES_OF_FILTERS: dict[str, Callable[..., int]] = {
    "batch": _batch,
    "center": _center,
    "float": _to_int,
    "indent": _indent,
    "int": _to_int,
    "join": _join,
    "pprint": _pprint,
    "replace": _replace,
    "round": _round,
    "slice": _slice,
    "tojson": _tojson,
    "wordwrap": _wordwrap,
}
