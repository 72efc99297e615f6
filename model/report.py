"""The result as one HTML page that opens from disk: table, curves, and queries with what both arms found."""

import base64
import io
import json
import random
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import pyarrow.parquet as pq
import torch
from PIL import Image

from model.clusters import Groups
from model.comparison import Comparison, RunEmbeddings, compare, load_embeddings
from model.errors import ModelError
from model.evaluation import read_metrics
from model.files import written_whole
from model.images import BadImage, decode
from model.report_plots import training_curves
from model.row_store import Triple
from model.run_log import read_log
from model.settings_file import load_run_settings
from model.shards import read_split

_QUERIES = 12
_TOP = 5
_PICTURE_SIZE = 112  # longest side in pixels
_NO_PICTURE = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/%3E"


@dataclass(frozen=True)
class Report:
    """What the page says, for the terminal too.

    Attributes:
        metrics: each arm's metrics of the test split, as its `metrics.json` has them.
        comparison: the last arm against the first.
        verdict: that in a sentence.
    """

    path: Path
    metrics: dict[str, dict[str, Any]]
    comparison: Comparison
    verdict: str


def write_report(out: Path, title: str, arms: dict[str, Path]) -> Report:
    """Write `out/report.html` over evaluated runs; the first is the baseline, the last the one in question.

    Raises ModelError if a run was not evaluated, or the runs do not belong together.
    """
    settings = load_run_settings(next(iter(arms.values())) / "settings.yaml")
    split = settings.data.splits.test
    metrics = {arm: _metrics_of(run, split) for arm, run in arms.items()}
    embeddings = {arm: load_embeddings(run, split) for arm, run in arms.items()}
    folder = settings.data.explanations
    partial = any(found.get("allow_partial") for found in metrics.values())
    rows = read_split(folder, split, statuses=None, image_root=settings.data.image_root, allow_partial=partial)
    by_id = {triple.id: triple for triple in rows.triples}

    baseline, *_, ours = embeddings
    triples = [by_id[i] for i in embeddings[ours].ids]
    comparison = compare(embeddings[ours], embeddings[baseline], _groups(triples))
    verdict = describe(ours, baseline, metrics, comparison)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    page = environment.get_template("report_page.html").render(
        title=title,
        verdict=verdict,
        metrics=metrics,
        records={arm: json.loads((run / "train.json").read_text(encoding="utf-8")) for arm, run in arms.items()},
        curves=_data_uri("image/svg+xml", training_curves({a: list(read_log(r)) for a, r in arms.items()}).encode()),
        generation=_generation(folder),
        queries=_queries(triples, embeddings),
        top=_TOP,
    )
    path = out / "report.html"
    with written_whole(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return Report(path, metrics, comparison, verdict)


def describe(ours: str, baseline: str, metrics: dict[str, dict[str, Any]], comparison: Comparison) -> str:
    """Which arm is better and by how much, in plain words, and how far that can be trusted."""
    recalls = f"{metrics[ours]['mean_recall']:.1f} against {metrics[baseline]['mean_recall']:.1f}"
    interval = f"95 % interval over the test pairs {comparison.low:+.1f} to {comparison.high:+.1f}"
    caution = "One training seed each: how far seeds alone move the result is not in that interval."
    if not comparison.is_clear:
        difference = f"{comparison.difference:+.1f} points of mean recall"
        return f"No clear difference: {ours} is {difference} from {baseline} ({recalls}; {interval}). {caution}"
    better = "better" if comparison.difference > 0 else "worse"
    size = f"{abs(comparison.difference):.1f} points of mean recall"
    return f"{ours} is {better} than {baseline} by {size} ({recalls}; {interval}). {caution}"


def _metrics_of(run: Path, split: str) -> dict[str, Any]:
    splits = read_metrics(run)["splits"]
    if split not in splits:
        raise ModelError(f"{run} was not evaluated on split {split!r}; do it with: entityclip evaluate {run}")
    return dict(splits[split])


def _groups(triples: list[Triple]) -> Groups:
    """As in evaluation: the same image, or the same caption, is the same thing."""

    def numbers(identities: list[str]) -> torch.Tensor:
        known: dict[str, int] = {}
        return torch.tensor([known.setdefault(identity, len(known)) for identity in identities])

    return Groups(
        image=numbers([t.image_path or t.id for t in triples]), caption=numbers([t.caption.strip() for t in triples])
    )


def _generation(folder: Path) -> dict[str, Any]:
    """What the shards say of their making, all splits together."""
    counts: dict[str, dict[str, int]] = {}
    generations: list[dict[str, Any]] = []
    provenance: dict[str, Any] = {}
    for path in sorted(folder.glob("split=*/part-*.parquet")):
        provenance = json.loads(pq.read_schema(path).metadata[b"entityclip"])
        by_status = counts.setdefault(provenance["split"], {})
        for status, count in provenance["counts"].items():
            by_status[status] = by_status.get(status, 0) + count
        generations.extend(provenance["generations"])
    # a run's generations share the moment it began; how long it took is told by the last one to finish
    ends: dict[str, str] = {}
    for made in generations:
        ends[made["began_at"]] = max(ends.get(made["began_at"], ""), made["finished_at"])
    spans = [datetime.fromisoformat(end) - datetime.fromisoformat(began) for began, end in ends.items()]
    seconds = sum(span.total_seconds() for span in spans)
    tokens = sum(g["completion_tokens"] for g in generations)
    return {
        "counts": counts,
        "statuses": sorted({status for by_status in counts.values() for status in by_status}),
        "model": provenance["model"],
        "revision": provenance["revision"],
        "prompt": provenance["prompt"],
        "engines": sorted({f"{g['engine']} {g['engine_version']}" for g in generations}),
        "requests": sum(g["requests"] for g in generations),
        "tokens": tokens,
        "tokens_per_second": tokens / seconds if seconds else None,
    }


def _queries(triples: list[Triple], embeddings: dict[str, RunEmbeddings]) -> list[dict[str, Any]]:
    """A dozen captions drawn at random (seed 0, not chosen), and the images each arm puts first."""
    chosen = sorted(random.Random(0).sample(range(len(triples)), min(_QUERIES, len(triples))))
    pictures: dict[int, str] = {}

    def picture(index: int) -> str:
        if index not in pictures:
            pictures[index] = _picture(triples[index])
        return pictures[index]

    shown = []
    for index in chosen:
        found = {}
        for arm, run in embeddings.items():
            scores = run.image @ run.text[index]
            first = scores.topk(min(_TOP, len(scores))).indices.tolist()
            rank = int((scores >= scores[index]).sum())  # ties count against the model
            found[arm] = {
                "rank": rank,
                "images": [{"uri": picture(i), "right": i == index, "caption": triples[i].caption} for i in first],
            }
        triple = triples[index]
        shown.append(
            {
                "caption": triple.caption,
                "explanation": triple.explanation,
                "topic": triple.topic,
                "picture": picture(index),
                "found": found,
            }
        )
    return shown


def _picture(triple: Triple) -> str:
    try:
        image = decode(triple)
    except BadImage:
        return _NO_PICTURE
    image.thumbnail((_PICTURE_SIZE, _PICTURE_SIZE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return _data_uri("image/jpeg", buffer.getvalue())


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
