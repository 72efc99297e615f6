"""Shows retrieval metrics, tables of arms, and search results on terminals of 80 columns."""

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.display.printing import console, titled_table
from model.evaluation.arms_table import COLUMNS, WAYS, ArmsTable, Spread
from pipeline.files.visible_text import visible

if TYPE_CHECKING:  # torch takes seconds to import
    from flows.query_explanations import QueryExplanation
    from model.search.search import Hit

_QUERIES = {"image_to_text": "image", "text_to_image": "caption"}
_PROTOCOLS = {
    "caption": "caption only, as in the paper",
    "explained": "caption and explanation",
    "both": "the same, by two cosines",
    "mmae": "the same, by MMAE",
    "others": "caption and another's explanation",
    "both_others": "the same, by two cosines",
    "mmae_others": "the same, by MMAE",
    "alone": "explanation only",
}
_METRICS = ("R@1", "R@5", "R@10", "R@50", "R@100", "MedR", "MeanR", "MRR")
_MOST_BY_CHANCE = 10.0  # percent of mean recall; reached with 53 candidates
_FIRST = ("R@1", "R@5", "R@10", "MedR")  # shown on narrow terminals, where the full set of columns would be truncated


def show_arms_table(table: ArmsTable, console: Console) -> None:
    """Print one table per retrieval direction, with a row for each arm."""
    seeds = ", ".join(map(str, table.seeds))
    for way, title in WAYS.items():
        shown = titled_table(f"{title}, {table.split} split, {table.gallery:,} candidates", "", *COLUMNS, "mean")
        for arm, found in table.cells.items():
            shown.add_row(
                escape(visible(arm)),
                *(_spread_cell(found[way][column]) for column in COLUMNS),
                _spread_cell(table.mean_recall[arm]),
            )
        console.print(shown)
    spread = "; ±: standard deviation over the seeds" if len(table.seeds) > 1 else ""
    console.print(
        f"seeds {seeds}; recalls in percent; mean: average of R@1, R@5 and R@10 in both directions{spread}", style="dim"
    )
    if table.remark:
        console.print(visible(table.remark), markup=False)


def _spread_cell(spread: Spread) -> str:
    mean = f"{spread.mean:,.1f}" if spread.mean < 1000 else f"{spread.mean:,.0f}"
    return mean if spread.sd is None else f"{mean}\n[dim]±{spread.sd:,.1f}[/dim]"


def show_arms(metrics: dict[str, dict[str, Any]]) -> None:
    """Print several arms' metrics on one split, with intervals, chance levels, and metrics on parts of the split.

    Args:
        metrics: for each arm, the split's entry in `metrics.json`.
    """
    table = _arms(metrics, _METRICS)
    left_out = table.__rich_measure__(console, console.options.update(width=1000)).maximum > console.width
    console.print(_arms(metrics, _FIRST) if left_out else table)
    first = next(iter(metrics.values()))
    sure = first["intervals"]
    below = (
        f"second line: {sure['level']} % interval (bootstrap over {sure['clusters']:,} clusters of pairs)"
        if sure
        else ""
    )
    by_chance = sum(first["chance"]["image_to_text"][name] for name in _FIRST[:3]) / 3  # the same in both directions
    if by_chance > _MOST_BY_CHANCE:
        console.print(
            f"only {first['gallery']:,} candidates: chance alone gives a mean recall of {by_chance:.1f} %, so these "
            "numbers say little",
            style="bold red",
        )
    console.print(f"mean: average of R@1, R@5 and R@10 in both directions; {below}".rstrip("; "), style="dim")
    if left_out:
        rest = ", ".join(name for name in _METRICS if name not in _FIRST)
        console.print(f"omitted because the terminal is narrow: {rest}; see metrics.json", style="dim")
    _show_parts("topic", "by_topic", metrics)
    _show_parts("training captions with the rarest name", "by_entity_frequency", metrics)


def show_protocols(record: dict[str, Any]) -> None:
    """Print for each split in a run's `explained.json` the recalls of each protocol, text to image apart."""
    for split, measured in record["splits"].items():
        of = measured["protocols"]
        title = f"search by captions with explanations, {split} split; recalls in percent"
        columns = ("mean", "image R@1", "R@10", "caption R@1", "R@10")
        table = titled_table(title, "", *columns)
        for name, said in _PROTOCOLS.items():
            if (found := of.get(name)) is None:
                continue
            ways = (found[way][recall] for way in _QUERIES for recall in ("R@1", "R@10"))
            ends = (found["intervals"] or {}).get("mean_recall")
            table.add_row(said, _cell("mean", found["mean_recall"], ends), *(_value("R@", value) for value in ways))
        console.print(table)
        console.print(
            f"{measured['explained_queries']:,} of {of['caption']['queries']:,} captions have an accepted explanation",
            style="dim",
        )
    chosen = record["alpha_chosen"]
    how = "as given" if chosen == "given" else f"the best on split {chosen['split']}"
    alpha = record["alpha"]
    of_mmae = f"; by MMAE: norm(T* + {alpha['mmae']:g} A)" if "mmae" in alpha else ""
    console.print(
        f"with an explanation: norm(t + {alpha['towers']:g} A), with A the explanation by the text tower before "
        f"training; by two cosines: v . t + {alpha['both']:g} v0 . A, with v0 the image by the image tower before "
        f"training{of_mmae}; weights are {how}; queries as above; second line: 95 % interval",
        style="dim",
    )


def _arms(metrics: dict[str, dict[str, Any]], names: tuple[str, ...]) -> Table:
    first = next(iter(metrics.values()))
    title = f"retrieval on the {first['split']} split, {first['gallery']:,} candidates; recalls in percent"
    table = titled_table(title, "arm", "query", *names, "mean")
    for arm, found in metrics.items():
        ends = found["intervals"] or {}
        for way, query in _QUERIES.items():
            cells = [_cell(name, found[way][name], ends.get(way, {}).get(name)) for name in names]
            mean = _cell("mean", found["mean_recall"], ends.get("mean_recall")) if query == "image" else ""
            table.add_row(escape(visible(arm)) if query == "image" else "", query, *cells, mean)
        table.add_section()
    chance = first["chance"]["image_to_text"]
    table.add_row("by chance", "", *(_value(n, chance[n]) if n in chance else "" for n in names), "", style="dim")
    return table


def _show_parts(title: str, key: str, metrics: dict[str, dict[str, Any]]) -> None:
    first = next(iter(metrics.values())).get(key)
    if not first:
        return
    table = titled_table(f"mean recall by {title}", "", "queries", *(escape(visible(arm)) for arm in metrics))
    for part in first:
        cells = []
        for found in metrics.values():
            one = found[key][part]
            ends = (one["intervals"] or {}).get("mean_recall")
            cells.append(f"{one['mean_recall']:.1f}" + (f" [dim]{ends[0]:.1f} to {ends[1]:.1f}[/dim]" if ends else ""))
        table.add_row(escape(visible(part)), f"{first[part]['queries']:,}", *cells)
    console.print(table)


def _cell(name: str, value: float, ends: list[float] | None) -> str:
    below = "".join(f"\n[dim]{_value(name, end)}[/dim]" for end in ends or ())
    return _value(name, value) + below


def _value(name: str, value: float) -> str:
    if name == "MRR":
        return f"{value:.3f}"
    return f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"


def show_found(
    queries: list[str], found: "list[list[Hit]]", explained: "list[QueryExplanation] | None" = None, *, as_json: bool
) -> None:
    """Print a table per query, or one JSON list of all queries with each hit's rank, score, id, image and captions.

    Args:
        explained: the explanations of the first queries, if they were asked for.
    """
    explanations = list(explained or [])
    if as_json:
        content: list[dict[str, Any]] = [
            {"query": query, "found": [asdict(hit) for hit in hits]} for query, hits in zip(queries, found, strict=True)
        ]
        for one, explanation in zip(content, explanations, strict=False):
            one["explanation"] = explanation.text
        json.dump(content, sys.stdout, indent=2)  # ASCII, so that nothing in it reaches the terminal
        sys.stdout.write("\n")
        return
    for number, (query, hits) in enumerate(zip(queries, found, strict=True)):
        title = escape(visible(query))
        if number < len(explanations):
            said = explanations[number]
            title += f"\n[dim]{escape(visible(said.text or f'no explanation ({said.why_not})'))}[/dim]"
        table = titled_table(title, "rank", "cosine")
        table.add_column("image and caption", overflow="fold")
        for hit in hits:
            caption = escape(visible(hit.captions[0])) + (
                f" (and {len(hit.captions) - 1} more)" if hit.captions[1:] else ""
            )
            where = escape(visible(hit.image or f"in the shard, id {hit.id}"))
            table.add_row(str(hit.rank), f"{hit.score:.3f}", f"{where}\n[dim]{caption}[/dim]")
        console.print(table)
