"""Renders pages from templates. Texts are untrusted: HTML is escaped, and control characters are made visible."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jinja2
from fastapi.responses import HTMLResponse

from flows.browser.contents import Contents
from flows.browser.retrieval import LONGEST_EXPLANATION, LONGEST_QUERY, TOP
from flows.browser.view import LONGEST_ID, LONGEST_WHERE, ORDER_NAMES, PER_PAGE, View
from pipeline.files.visible_text import visible
from pipeline.inspect.database import COLUMNS

EXAMPLES = (
    "status = 'truncated' AND clip_tokens > 77",
    "explanation ILIKE '%queen%'",
    "explanation IS NULL",
    "topic = 'rare' AND split = 'test'",
    "completion_tokens > (SELECT avg(completion_tokens) FROM rows)",
)
_LONGEST = 20_000  # characters shown of one text


class Pages:
    """Renders the templates in the folder `templates`."""

    def __init__(self, contents: Contents, version: str) -> None:
        self._environment = environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters["visible"] = lambda text, limit=_LONGEST: visible(str(text), limit)
        environment.filters["lines"] = _lines
        environment.globals.update(
            contents=contents,
            examples=EXAMPLES,
            columns=[
                (field.name, "image.path: string" if field.name == "image" else str(field.type)) for field in COLUMNS
            ],
            order_names=ORDER_NAMES,
            per_page=PER_PAGE,
            top=TOP,
            longest={
                "where": LONGEST_WHERE,
                "id": LONGEST_ID,
                "query": LONGEST_QUERY,
                "explanation": LONGEST_EXPLANATION,
            },
            picture=lambda row, size: (
                "/image?" + urlencode({"shard": row["shard"], "id": row["id"], "size": size, "v": version})
            ),
            all_rows=View(),
        )

    def __call__(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        return HTMLResponse(self._environment.get_template(template).render(**values), status)


def _lines(text: str) -> list[str]:
    """Split a text into lines, escaping other control characters and truncating a long text."""
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"
    return [visible(line) for line in shown.split("\n")]
