"""The state of the list of rows, kept entirely in the URL, so that every view has a permanent link."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any
from urllib.parse import urlencode

from pipeline.inspect.selections import ORDERS, Wish

PER_PAGE = (12, 24, 48, 96)
LONGEST_WHERE, LONGEST_LABEL, LONGEST_ID = 4_000, 200, 2_000  # characters
ORDER_NAMES = {
    "stored": "as stored",
    "id": "by id",
    "shortest": "shortest explanation first",
    "longest": "longest explanation first",
    "generated": "most generated tokens first",
}
assert ORDER_NAMES.keys() == ORDERS.keys()


@dataclass(frozen=True)
class View:
    """A selection of rows, their order, and a page.

    Attributes:
        where: SQL condition on the rows.
        split, status: show only rows with this split or status; empty for all.
        page: page number, starting at 1.
    """

    where: str = ""
    split: str = ""
    status: str = ""
    order: str = "stored"
    per: int = 24
    page: int = 1

    @property
    def wish(self) -> Wish:
        """The query that selects the rows of all pages."""
        return Wish(self.where, self.split, self.status, self.order)

    @property
    def is_as_stored(self) -> bool:
        """Whether the row counts in the shard footers are enough to locate the rows of a page."""
        return not self.where and self.order == "stored"

    def having(self, **changes: Any) -> "View":
        """Return a copy with some attributes changed. The copy is at the first page unless `page` is changed too."""
        return replace(self, **({"page": 1} | changes))

    def parameters(self) -> dict[str, Any]:
        """Return the attributes that differ from their defaults."""
        defaults = {field.name: field.default for field in fields(self)}
        return {name: value for name, value in asdict(self).items() if value != defaults[name]}

    def link(self, path: str = "/", **more: Any) -> str:
        """Return a URL on this site that encodes the view's state."""
        query = urlencode(more | self.parameters())
        return f"{path}?{query}" if query else path


def view_of(query: Mapping[str, str]) -> View:
    """Parse the query string of a URL into a view, replacing invalid values with defaults."""
    per = whole_number(query.get("per", ""))
    order = query.get("order", "stored")
    return View(
        where=query.get("where", "").strip(),
        split=query.get("split", "")[:LONGEST_LABEL],
        status=query.get("status", "")[:LONGEST_LABEL],
        order=order if order in ORDERS else "stored",
        per=per if per in PER_PAGE else 24,
        page=max(1, whole_number(query.get("page", "")) or 1),
    )


def whole_number(text: str) -> int | None:
    """Parse a number in a URL; return None if the text is not a whole number."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 12 else None
