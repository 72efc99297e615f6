"""Texts of JSON values of any type, as pandas and other tools write them: NaN, ids as floats, lists of texts."""

import math
import re
from typing import Any

MISSING = frozenset(("nan", "NaN", "<NA>", "None", "null", "NULL"))  # missing values that a tool wrote as text
_WHOLE = re.compile(r"(\d+)\.0+")


def text_of(value: Any) -> str | None:
    """Return a JSON value as text: `8` for 8 and 8.0, "" for null and NaN; None for other types."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            return ""
        return str(int(value)) if value.is_integer() else repr(value)
    return None


def whole_number(text: str) -> str:
    """Return `8` for `8.0`, as pandas writes ids of a column with missing values; other texts unchanged."""
    match = _WHOLE.fullmatch(text)
    return match[1] if match else text
