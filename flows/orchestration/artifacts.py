"""Publishes artifacts in Prefect's UI: row counts, sample triples, training curves, retrieval metrics, and links."""

import re
from base64 import b64encode
from collections.abc import Iterator
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from entityclip.contract.image_rules import BadImage
from pipeline.generation.summary import GenerationSummary
from pipeline.images.resize import shown_image
from pipeline.job import Job
from pipeline.shards.shard import Row, list_shards, read_shard

if TYPE_CHECKING:  # torch takes seconds to import, and generation does not need it
    from model.training.loop import TrainResult

_SAMPLED = 4  # rows of each split
_PICTURE_SIDE = 96  # pixels; about 3 KB of the artifact
_LONGEST = 400  # maximum characters of a text in the sample
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_CURVE_POINTS = 20


def publish_explanations(job: Job, summary: GenerationSummary) -> None:
    """Publish row counts by split and status, sample triples, and a link to the shards."""
    statuses = summary.statuses
    rows: list[dict[str, Any]] = [
        {"split": split, **{status: by_status.get(status, 0) for status in statuses}}
        for split, by_status in summary.counts.items()
    ]
    key = artifact_key("explanations", summary.dataset)
    create_table_artifact(table=rows, key=f"{key}-by-status", description=f"Rows of {summary.dataset} by status")
    sample = sample_of(list(_sampled(job)), job.manifest.image_root)
    create_markdown_artifact(markdown=sample, key=f"{key}-sample", description=f"Some triples of {summary.dataset}")
    link_to(job.output, f"{key}-shards", "shards")


def _sampled(job: Job) -> Iterator[Row]:
    """Yield the first few explained rows of each split."""
    files = sorted(list_shards(job.storage), key=lambda file: file.name)
    for _, of_split in groupby(files, key=lambda file: file.name.partition("/")[0]):
        shards = (read_shard(job.storage, file.name) for file in of_split)
        yield from islice((row for shard in shards for row in shard.rows if row.explanation), _SAMPLED)


def sample_of(rows: list[Row], image_root: Path) -> str:
    """Format triples with small pictures as a Markdown table; the markup of captions and explanations is escaped."""
    lines = ["| split | id | image | caption | explanation | status |", "|---|---|---|---|---|---|"]
    for row in rows:
        cells = [plain(text or "") for text in (row.split, row.id, row.caption, row.explanation, row.status)]
        cells.insert(2, _picture(image_root, row.image))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _picture(root: Path, image: str) -> str:
    """Return Markdown with the picture inside, because a browser on another machine cannot read our files."""
    try:
        jpeg = shown_image(root, image, None, _PICTURE_SIDE)
    except (BadImage, OSError):
        return plain(image)
    return f"![{plain(image)}](data:image/jpeg;base64,{b64encode(jpeg).decode()})"


def plain(text: str) -> str:
    """Escape a text so that Markdown shows it literally, on one line; a long text is truncated."""
    text = " ".join(text.split())
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 1] + "…"
    return _PUNCTUATION.sub(lambda found: _ENTITIES.get(found[0]) or f"\\{found[0]}", text)


def link_to(target: Path | str, key: str, text: str) -> None:
    """Publish a link. Links to files open only in a browser on the same machine, so the path is shown too."""
    link = target.resolve().as_uri() if isinstance(target, Path) else target
    create_link_artifact(link=link, link_text=text, key=key, description=f"`{target}`")


def artifact_key(*words: str) -> str:
    """Build an artifact key from words, using only lower-case letters, digits and dashes."""
    return "-".join(re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-") or "run" for word in words)


def publish_training(result: "TrainResult", log: list[dict[str, Any]]) -> None:
    """Publish the training curve as a table, and a link to the checkpoint."""
    steps = [line for line in log if line["kind"] == "step"]
    every = max(1, -(-len(steps) // _CURVE_POINTS))
    recalls = {line["step"]: line["metrics"]["mean_recall"] for line in log if line["kind"] == "validation"}
    chosen = {line["step"]: line["losses"] for line in steps[every - 1 :: every]}
    names = list(steps[0]["losses"]) if steps else []
    curve: list[dict[str, Any]] = [
        {
            "step": step,
            **{name: f"{chosen[step][name]:.4f}" if step in chosen else "" for name in names},
            "validation mean recall %": f"{recalls[step]:.2f}" if step in recalls else "",
        }
        for step in sorted(chosen.keys() | recalls.keys())
    ]
    key = artifact_key("training", result.out.name)
    create_table_artifact(table=curve, key=f"{key}-curve", description=f"Losses and validation of {result.out.name}")
    link_to(result.out / "checkpoint", f"{key}-checkpoint", "checkpoint")


def publish_metrics(run: Path, by_split: dict[str, dict[str, Any]]) -> None:
    """Publish a run's retrieval metrics by split, in both directions, with confidence intervals and chance levels."""
    rows: list[dict[str, Any]] = []
    for split, metrics in by_split.items():
        for way, query in {"image_to_text": "image", "text_to_image": "caption"}.items():
            ends = (metrics["intervals"] or {}).get(way, {})
            cells = {name: _with_interval(value, ends.get(name)) for name, value in metrics[way].items()}
            rows.append({"split": split, "query": query, **cells})
        chance = {name: _with_interval(value, None) for name, value in metrics["chance"]["image_to_text"].items()}
        rows.append({"split": split, "query": "by chance", **chance})
    create_table_artifact(
        table=rows,
        key=artifact_key("retrieval", run.name),
        description=f"{run.name}: {mean_recalls(by_split)}. In brackets: 95 % bootstrap intervals over queries",
    )


def mean_recalls(by_split: dict[str, dict[str, Any]]) -> str:
    """Format the mean recall on each split."""
    found = [
        f"{metrics['mean_recall']:.1f} % on the {split} split, {metrics['gallery']:,} candidates"
        for split, metrics in by_split.items()
    ]
    return f"mean recall {'; '.join(found)}"


def _with_interval(value: float, ends: list[float] | None) -> str:
    return f"{value:.4g}" + (f" ({ends[0]:.4g} to {ends[1]:.4g})" if ends else "")
