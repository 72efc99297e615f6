"""What generation leaves in Prefect's UI: rows by status, a sample of triples, a link. Summaries, never rows."""

import re
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from pipeline.job import Job
from pipeline.shard import Row, list_shards, read_shard
from pipeline.status import Status
from pipeline.summary import GenerationSummary

_SAMPLED = 10
_LONGEST = 400  # characters of a text in the sample
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def publish_explanations(job: Job, summary: GenerationSummary) -> None:
    """Rows by split and status, some triples, and where the shards are."""
    found = Counter[str]()
    for by_status in summary.counts.values():
        found.update(by_status)
    statuses = [status.value for status in Status if status in found]
    rows: list[dict[str, Any]] = [
        {"split": split, **{status: by_status.get(status, 0) for status in statuses}}
        for split, by_status in summary.counts.items()
    ]
    key = artifact_key("explanations", summary.dataset)
    create_table_artifact(table=rows, key=f"{key}-by-status", description=f"Rows of {summary.dataset} by status")
    create_markdown_artifact(
        markdown=sample_of(_first_rows(job)), key=f"{key}-sample", description=f"Some triples of {summary.dataset}"
    )
    link_to(job.output, f"{key}-shards", "shards")


def sample_of(rows: list[Row]) -> str:
    """A Markdown table of triples. Captions and explanations are other people's: nothing in them is markup here."""
    lines = ["| id | image | caption | explanation | status |", "|---|---|---|---|---|"]
    for row in rows:
        cells = (row.id, row.image, row.caption, row.explanation or "", row.status)
        lines.append("| " + " | ".join(plain(str(cell)) for cell in cells) + " |")
    return "\n".join(lines)


def plain(text: str) -> str:
    """Text as a Markdown renderer shows it literally, on one line and not too long."""
    text = " ".join(text.split())
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 1] + "…"
    return _PUNCTUATION.sub(lambda found: _ENTITIES.get(found[0]) or f"\\{found[0]}", text)


def link_to(target: Path | str, key: str, text: str) -> None:
    """Publish a link. One to a file opens where the browser sees the same disk; elsewhere it says where the file is."""
    link = target.resolve().as_uri() if isinstance(target, Path) else target
    create_link_artifact(link=link, link_text=text, key=key, description=f"`{target}`")


def _first_rows(job: Job) -> list[Row]:
    rows = (row for file in list_shards(job.storage) for row in read_shard(job.storage, file.name).rows)
    return list(islice((row for row in rows if row.explanation), _SAMPLED))


def artifact_key(*words: str) -> str:
    """The key of an artifact: lower-case letters, digits and dashes."""
    return "-".join(re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-") or "run" for word in words)
