"""Generation section: rows by status and split, failure examples, lengths, throughput and provenance."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from entityclip.contract.status import Status
from model.report.charts import Chart, Draw, chart, finish
from model.report.explanations import Explanations, generations_of, read_rows
from model.report.throughput import Throughput, throughput

_EXAMPLES = 3  # per failing status
_BARS = 24
_MEANING = {status.value: status.meaning for status in Status}


class Failure(NamedTuple):
    """A status other than `ok`, the number of rows with it, and a few example rows."""

    status: str
    meaning: str
    rows: int
    examples: list[dict[str, Any]]


class Generation(NamedTuple):
    """Content of the generation section.

    Attributes:
        statuses: the statuses that occur, in display order.
        counts: number of rows by split, then by status.
        made: dataset, model, revision, prompt and engines as (label, value) pairs.
        lengths: number of explanations with a known length.
        over: number of explanations longer than `found.context` tokens.
    """

    found: Explanations
    total: int
    statuses: list[str]
    counts: dict[str, Counter[str]]
    meaning: dict[str, str]
    failures: list[Failure]
    made: list[tuple[str, str]]
    throughput: Throughput
    charts: list[Chart]
    lengths: int
    over: int

    def of_status(self, status: str) -> int:
        """Return the number of rows with a status in all splits together."""
        return sum(by_status[status] for by_status in self.counts.values())


def describe_generation(found: Explanations) -> Generation:
    """Build the generation section and draw its charts."""
    counts: dict[str, Counter[str]] = {}
    for (split, status), rows in sorted(found.counts.items()):
        counts.setdefault(split, Counter())[status] = rows
    by_status = sum(counts.values(), Counter[str]())
    known = {tokens: rows for tokens, rows in found.clip_tokens.items() if tokens is not None}
    made = throughput(found.footers)
    charts = [_length_chart(known, found.context)] if known else []
    charts += [made.chart()] if made.finished else []
    order = list(_MEANING)
    statuses = sorted(by_status, key=lambda status: (order.index(status) if status in order else len(order), status))
    return Generation(
        found=found,
        total=by_status.total(),
        statuses=statuses,
        counts=counts,
        meaning={status: _MEANING.get(status, "") for status in statuses},
        failures=[_failure(found, status, by_status[status]) for status in statuses if status != "ok"],
        made=_made(found.footers),
        throughput=made,
        charts=charts,
        lengths=sum(known.values()),
        over=_longer(known, found.context),
    )


def length_panel(tally: dict[int, int], context: int | None) -> Draw:
    """Return a function that draws a histogram of explanation lengths in tokens and marks CLIP's limit."""
    bars, unit = length_bars(tally), "CLIP tokens, including start and end"
    if bars[-1].high is None:
        unit += f"; last bar: {bars[-1].low:,} or more"

    def draw(axes: Axes) -> None:
        width = bars[0].width
        axes.bar([bar.low for bar in bars], [bar.rows for bar in bars], width=width, align="edge", color="C1")
        if context is not None:
            axes.axvline(context + 1, color="C4", linestyle="--", label=f"CLIP reads {context} tokens")
        finish(axes, "Length of explanations", unit, "explanations")

    return draw


class Bar(NamedTuple):
    """A histogram bar, `width` tokens wide: `rows` explanations with `low` to `high` tokens (`high` None: no limit)."""

    low: int
    high: int | None
    rows: int
    width: int


def length_bars(tally: dict[int, int]) -> list[Bar]:
    """Bin lengths into bars of equal integer width; if the longest 0.5 % are very long, they share the last bar."""
    values = np.array(sorted(tally))
    weights = np.array([tally[value] for value in values])
    first, last = int(values[0]), int(values[-1])
    top = int(values[np.searchsorted(weights.cumsum(), 0.995 * weights.sum())])
    if last - first <= 2 * (top - first):
        top = last
    width = max(1, -(-(top + 1 - first) // _BARS))
    over = (top - first) // width + 1
    heights = np.bincount(np.minimum((values - first) // width, over), weights=weights)
    return [
        Bar(first + n * width, None if n == over else first + (n + 1) * width - 1, int(rows), width)
        for n, rows in enumerate(heights)
    ]


def _length_chart(tally: dict[int, int], context: int | None) -> Chart:
    def words(bar: Bar) -> str:
        if bar.high is None:
            return f"{bar.low:,} or more"
        return f"{bar.low:,}" if bar.low == bar.high else f"{bar.low:,} to {bar.high:,}"

    rows = [(words(bar), f"{bar.rows:,}") for bar in length_bars(tally) if bar.rows]
    total = sum(tally.values())
    alt = f"Histogram of {total:,} explanations by length: {min(tally):,} to {max(tally):,} tokens"
    if context is not None:
        over = _longer(tally, context)
        alt += f"; CLIP reads {context}, and {over:,} ({100 * over / total:.1f} %) are longer"
    return chart(length_panel(tally, context), "Length of explanations", alt, ("tokens", "explanations"), rows)


def _longer(tally: dict[int, int], context: int | None) -> int:
    return sum(rows for tokens, rows in tally.items() if context is not None and tokens > context)


def _failure(found: Explanations, status: str, rows: int) -> Failure:
    places = sorted(place for (_, of), some in found.places.items() if of == status for place in some)
    return Failure(status, _MEANING.get(status, ""), rows, list(read_rows(places[:_EXAMPLES])))


def _made(footers: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the label of each provenance field with the distinct values found in the shards."""
    found: dict[str, dict[str, None]] = {}
    for footer in footers:
        prompt = footer.get("prompt")
        fields: dict[str, Any] = {name: footer.get(name) for name in ("dataset", "model", "revision")}
        fields["prompt"] = prompt.get("name") if isinstance(prompt, dict) else None
        for made in generations_of(footer):
            engine = f"{made.get('engine')} {made.get('engine_version')}"
            found.setdefault("engine", {})[engine] = None
        for label, value in fields.items():
            if value is not None:
                found.setdefault(label, {})[str(value)] = None
    order = ("dataset", "model", "revision", "prompt", "engine")
    return [(label, ", ".join(found[label])) for label in order if label in found]
