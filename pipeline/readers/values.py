"""Turns the values of records into text: bytes, numbers, dates, UUIDs."""

import datetime
import uuid
from decimal import Decimal
from typing import Any

from pipeline.readers.encodings import as_text_or_hex, decoded


def text_of(value: Any, *, identifier: bool, encoding: str | None = None) -> str | None:
    """Return a value as text; None if it is of a kind that is no text, such as a list.

    Bytes of an `identifier` that are no text become hex digits, those of other texts are decoded as `decoded` does.
    A decimal number without a fraction becomes an integer; dates are written as ISO 8601, at midnight without the time.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return as_text_or_hex(value, encoding) if identifier else decoded(value, encoding)
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | uuid.UUID):
        return str(value)
    if isinstance(value, Decimal):
        if value.is_nan():
            return ""
        return str(int(value)) if value.is_finite() and value == value.to_integral_value() else str(value)
    if isinstance(value, datetime.datetime):
        is_day = value.time() == datetime.time()
        return value.date().isoformat() if is_day else value.isoformat()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return None
