"""`RUN/trackers.json`: what trackers call this run, so that a resumed run goes on where they have it."""

import json
from pathlib import Path

from model.files import write_json

_FILE = "trackers.json"


def read_tracked(run: Path) -> dict[str, str]:
    """Ids by tracker; empty if there are none."""
    try:
        return dict(json.loads((run / _FILE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}


def remember_tracked(run: Path, tracker: str, run_id: str) -> None:
    """Note an id."""
    write_json(run / _FILE, read_tracked(run) | {tracker: run_id})
