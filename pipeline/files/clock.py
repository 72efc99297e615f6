"""Timestamps for footers and receipts."""

from datetime import UTC, datetime


def now() -> str:
    """Return the current UTC time in ISO format, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
