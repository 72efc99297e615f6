"""What `entityclip search` prints."""

import json
import sys
from dataclasses import asdict

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from flows.show import console
from model.search import Hit


def show_found(queries: list[str], found: list[list[Hit]], *, as_json: bool) -> None:
    """A table a query, or all as one JSON list: query, and rank, score, id, image and captions of what was found."""
    if as_json:
        content = [
            {"query": query, "found": [asdict(hit) for hit in hits]} for query, hits in zip(queries, found, strict=True)
        ]
        json.dump(content, sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
        return
    for query, hits in zip(queries, found, strict=True):
        table = Table(title=escape(query), title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
        table.add_column("", justify="right")
        table.add_column("cosine", justify="right")
        table.add_column("image and caption", overflow="fold")
        for hit in hits:
            caption = escape(hit.captions[0]) + (f" (and {len(hit.captions) - 1} more)" if hit.captions[1:] else "")
            where = escape(hit.image or f"in the shard, id {hit.id}")
            table.add_row(str(hit.rank), f"{hit.score:.3f}", f"{where}\n[dim]{caption}[/dim]")
        console.print(table)
