"""Collects the distinct origins of shards from their footers."""

import json
from dataclasses import dataclass
from typing import Any

from pipeline.inspect.footers import Look

_SAME = ("schema_version", "dataset", "model", "revision", "prompt", "sampling", "chat_template", "max_model_len")


@dataclass(frozen=True)
class Origin:
    """Provenance shared by a group of shards.

    Attributes:
        made: footer entries such as `schema_version`, `dataset`, `model`, `revision`, `prompt` and `sampling`.
        engines: distinct names and versions of the engines that generated rows.
        began_at, finished_at: start of the first and end of the last generation run, in UTC; None if not recorded.
        context: maximum length of an explanation that the judge accepts, in CLIP tokens; None if unknown.
    """

    made: dict[str, Any]
    shards: int
    rows: int
    engines: tuple[str, ...]
    image_roots: tuple[str, ...]
    began_at: str | None
    finished_at: str | None
    context: int | None

    def as_plain(self) -> dict[str, Any]:
        """Return the origin as a JSON-serialisable dict."""
        return {
            **self.made,
            "engines": list(self.engines),
            "image_roots": list(self.image_roots),
            "began_at": self.began_at,
            "finished_at": self.finished_at,
            "shards": self.shards,
            "rows": self.rows,
        }


def origins(looks: list[Look]) -> list[Origin]:
    """Group shards by provenance and return the origin of each group, ordered by decreasing number of rows."""
    groups: dict[str, list[Look]] = {}
    for look in looks:
        made = {name: look.provenance.get(name) for name in _SAME}
        groups.setdefault(json.dumps(made, sort_keys=True), []).append(look)
    found = [_origin(json.loads(made), group) for made, group in groups.items()]
    return sorted(found, key=lambda origin: -origin.rows)


def _origin(made: dict[str, Any], looks: list[Look]) -> Origin:
    runs = [run for look in looks for run in _dicts(look.provenance.get("generations"))]
    engines = {f"{run.get('engine')} {run.get('engine_version')}": None for run in runs}
    judges = _dicts([look.provenance.get("judge") for look in looks])
    contexts = {length for judge in judges if isinstance(length := judge.get("clip_context_length"), int)}
    return Origin(
        made=made,
        shards=len(looks),
        rows=sum(look.rows for look in looks),
        engines=tuple(engines),
        image_roots=tuple({str(look.provenance.get("image_root")): None for look in looks}),
        began_at=min((str(run["began_at"]) for run in runs if run.get("began_at")), default=None),
        finished_at=max((str(run["finished_at"]) for run in runs if run.get("finished_at")), default=None),
        context=contexts.pop() if len(contexts) == 1 else None,
    )


def _dicts(items: Any) -> list[dict[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
