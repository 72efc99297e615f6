"""What a generation came to, in the words of a final state."""

from collections import Counter

from pipeline.summary import GenerationSummary


def rows_by_status(summary: GenerationSummary) -> str:
    """`2,790 ok, 3 error`, the most frequent first, and what a limit left."""
    counts: Counter[str] = Counter()
    for by_status in summary.counts.values():
        counts.update(by_status)
    rows = ", ".join(f"{count:,} {status}" for status, count in counts.most_common()) or "no rows"
    return rows + (f"; left for later {summary.pending:,}" if summary.pending else "")


def account(summary: GenerationSummary) -> str:
    """The same, and what this run did for it."""
    return f"{rows_by_status(summary)}; generated {summary.generated:,}, reused {summary.reused:,}"
