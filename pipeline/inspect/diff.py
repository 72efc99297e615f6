"""Compares two generations of the same pairs."""

import difflib
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipeline.errors import PipelineError
from pipeline.files.visible_text import visible
from pipeline.inspect.database import SHARD, bracketed
from pipeline.inspect.provenance import Origin
from pipeline.inspect.rows import RANDOM, Rows
from pipeline.inspect.summary import Summary

_WORDS_COMPARED = 2_000  # per text, since the comparison takes quadratic time

Piece = tuple[str, str]  # sign ("=", "-" or "+") and words


@dataclass(frozen=True)
class Difference:
    """A pair whose explanation or status differs between the generations.

    Attributes:
        one, other: the pair's row in each generation.
        words: word diff of the explanations; a piece is in both ("="), only in `one` ("-") or only in `other` ("+").
    """

    one: dict[str, Any]
    other: dict[str, Any]
    words: list[Piece]


@dataclass(frozen=True)
class Diff:
    """Differences between a generation ("here") and another generation ("there").

    Attributes:
        other: location of the other generation.
        both: number of pairs in both generations, matched by split and id.
        explanations, statuses, captions, keys: number of pairs in both generations for which this value differs.
        only_here, only_there: number of pairs in only one of the generations.
        changes: (status here, status there, number of pairs) for each change of status, most frequent first.
        made: (value here, value there) for each provenance entry that differs, by dotted name.
        samples: some pairs whose explanation or status differs.
    """

    other: str
    both: int
    explanations: int
    statuses: int
    captions: int
    keys: int
    only_here: int
    only_there: int
    changes: tuple[tuple[str, str, int], ...]
    made: dict[str, tuple[Any, Any]]
    samples: tuple[Difference, ...]

    def as_plain(self) -> dict[str, Any]:
        """Return the differences as a JSON-serialisable dict."""
        texts = ("explanation", "status", "model", "revision")
        return {
            "other": self.other,
            "pairs_in_both": self.both,
            "explanations_differ": self.explanations,
            "statuses_differ": self.statuses,
            "captions_differ": self.captions,
            "keys_differ": self.keys,
            "only_here": self.only_here,
            "only_there": self.only_there,
            "status_changes": [{"from": a, "to": b, "pairs": n} for a, b, n in self.changes],
            "provenance_differs": {name: {"here": a, "there": b} for name, (a, b) in self.made.items()},
            "samples": [
                {
                    "id": sample.one["id"],
                    "split": sample.one["split"],
                    "caption": sample.one["caption"],
                    "here": {name: sample.one.get(name) for name in texts},
                    "there": {name: sample.other.get(name) for name in texts},
                    "words": [list(piece) for piece in sample.words],
                }
                for sample in self.samples
            ],
        }


def compare(rows: Rows, one: Summary, other: Summary, *, where: str | None = None, sample: int = 3) -> Diff:
    """Compare the rows of `one` that meet `where` with `other`. Raises PipelineError if no pairs match."""
    rows.keep(_PAIRS, _matched(where))
    counted = ", ".join(f"count(*) FILTER ({condition}) AS {name}" for name, condition in _COUNTED.items())
    count = rows.query(f"SELECT {counted} FROM {_PAIRS}").to_pylist()[0]
    if not count["both"]:
        raise PipelineError(
            f"{visible(other.found.location)} and {visible(one.found.location)} have no pair in common; "
            "pairs are matched by split and id"
        )
    changes = rows.query(
        f"SELECT here_status, there_status, count(*) AS pairs FROM {_PAIRS} WHERE {_COUNTED['statuses']} "
        "GROUP BY ALL ORDER BY pairs DESC, here_status, there_status"
    ).to_pylist()
    picked = rows.query(
        f"SELECT * FROM {_PAIRS} WHERE {_COUNTED['statuses']} OR {_COUNTED['explanations']} "
        f"ORDER BY {RANDOM}, split, id LIMIT {sample}"
    )
    return Diff(
        other=other.found.location,
        **count,
        changes=tuple((change["here_status"], change["there_status"], change["pairs"]) for change in changes),
        made=_made_differently(one.origins, other.origins),
        samples=tuple(_samples(rows, picked)),
    )


_PAIRS = "pairs"
_BOTH = "here_shard IS NOT NULL AND there_shard IS NOT NULL"
_COUNTED = {
    "both": _BOTH,
    "explanations": f"{_BOTH} AND here_text IS DISTINCT FROM there_text",
    "statuses": f"{_BOTH} AND here_status <> there_status",
    "captions": f"{_BOTH} AND here_caption <> there_caption",
    "keys": f"{_BOTH} AND here_key <> there_key",
    "only_here": "there_shard IS NULL",
    "only_there": "here_shard IS NULL",
}


def _matched(where: str | None) -> str:
    """Return SQL that joins both generations, with hashes instead of texts to save memory."""

    def side(table: str, name: str) -> str:
        chosen = f"WHERE {bracketed(where)}" if where is not None and table == "rows" else ""
        return (
            f"(SELECT split, id, {SHARD} AS {name}_shard, status AS {name}_status, hash(caption) AS {name}_caption, "
            f"hash(key) AS {name}_key, if(explanation IS NULL, NULL, hash(explanation)) AS {name}_text "
            f"FROM {table} {chosen})"
        )

    join = "FULL JOIN" if where is None else "LEFT JOIN"
    return f"SELECT * FROM {side('rows', 'here')} {join} {side('other', 'there')} USING (split, id)"


def _samples(rows: Rows, picked: pa.Table) -> list[Difference]:
    sides = {}
    for table, shard in (("rows", "here_shard"), ("other", "there_shard")):
        chosen = pa.table({SHARD: picked[shard], "id": picked["id"]})
        sides[table] = {(row["split"], row["id"]): row for row in rows.rows(chosen, table)}
    pairs = [(row, sides["other"][key]) for key, row in sides["rows"].items() if key in sides["other"]]
    return [Difference(a, b, word_diff(a["explanation"] or "", b["explanation"] or "")) for a, b in pairs]


def word_diff(one: str, other: str) -> list[Piece]:
    """Return the word diff of two texts: "=" and "-" pieces make up `one`; "=" and "+" pieces make up `other`."""
    before, after = (text.split()[:_WORDS_COMPARED] for text in (one, other))
    pieces: list[Piece] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        parts = [("=", before[a:b])] if tag == "equal" else [("-", before[a:b]), ("+", after[c:d])]
        pieces += [(sign, " ".join(words)) for sign, words in parts if words]
    return pieces


def _made_differently(one: tuple[Origin, ...], other: tuple[Origin, ...]) -> dict[str, tuple[Any, Any]]:
    """Compare each side's origin with the most rows, and return the provenance entries that differ."""
    if not one or not other:
        return {}
    here, there = (_flat({**side[0].made, "engines": list(side[0].engines)}) for side in (one, other))
    return {name: (here.get(name), there.get(name)) for name in here | there if here.get(name) != there.get(name)}


def _flat(made: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in made.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat
