"""The time, as footers and receipts say it."""

from datetime import UTC, datetime


def now() -> str:
    """The time in UTC to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
