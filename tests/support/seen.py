"""What a Prefect server has on record: `python -m tests.support.seen URL FILE`."""

import json
import sys
from pathlib import Path

import httpx


def main(url: str, file: str) -> None:
    """Write flow runs and artifacts, the oldest first: the latest of a key comes last."""
    found = {
        name: httpx.post(f"{url}/{path}/filter", json={}, timeout=30).raise_for_status().json()
        for name, path in {"runs": "flow_runs", "artifacts": "artifacts"}.items()
    }
    for items in found.values():
        items.sort(key=lambda item: item["created"])
    Path(file).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
