"""Writes the page, and the plots beside it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.data.remote_shards import local_shards
from model.errors import ModelError
from model.evaluation.compare import Comparison
from model.evaluation.evaluate import read_metrics
from model.files import written_whole
from model.report.charts import Draw, save_png
from model.report.evaluation import Evaluation, describe_evaluation, frequency_of, frequency_panel
from model.report.explanations import Explanations, read_explanations
from model.report.gallery import make_gallery
from model.report.generation import Generation, describe_generation, length_panel
from model.report.page import render
from model.report.retrieval_examples import Examples, find_examples
from model.report.sources import Sources
from model.report.training import Training, comparison_panels, describe_training, with_steps
from model.runs import overview
from model.settings.load import load_run_settings
from model.tracking.curve_panels import gates_of

_SLUG = re.compile(r"[^A-Za-z0-9.-]+")
_OURS = ("learning_curves.png", "recall_by_entity_frequency.png", "explanation_length.png")


def write_plots(folder: Path, found: Explanations | None, training: Training, evaluation: Evaluation) -> list[Path]:
    """Write those that there is something to draw for; of an earlier report no other ones are left."""
    wanted: dict[str, list[Draw]] = {}
    if found is not None and (known := {t: rows for t, rows in found.clip_tokens.items() if t is not None}):
        wanted["explanation_length.png"] = [length_panel(known, found.context)]
    histories = {arm: of.history for arm, of in training.arms.items()}
    if panels := comparison_panels(histories):
        wanted["learning_curves.png"] = list(panels.values())
    if frequency := frequency_of(evaluation.metrics):
        wanted["recall_by_entity_frequency.png"] = [frequency_panel(frequency)]
    for number, (arm, history) in enumerate(histories.items(), start=1):
        if gates := gates_of(history):
            wanted[_gates_file(number, arm)] = [with_steps(draw) for draw in gates]
    for old in (path for pattern in (*_OURS, "expert_gates_*.png") for path in folder.glob(pattern)):
        if old.name not in wanted:
            old.unlink()
    if wanted:
        folder.mkdir(parents=True, exist_ok=True)
    for name, draws in wanted.items():
        save_png(folder / name, draws)
    return [folder / name for name in wanted]


def _gates_file(number: int, arm: str) -> str:
    """A file name for any name of an arm; the number keeps two apart."""
    slug = _SLUG.sub("-", arm).strip("-.")[:40]
    return f"expert_gates_{number}_{slug}.png" if slug else f"expert_gates_{number}.png"


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


def without_comparison(evaluation: Evaluation, generation: Generation | None) -> str:
    """What can be said of arms that were not compared, or of explanations alone."""
    recalls = [f"{arm} {found['mean_recall']:.1f}" for arm, found in evaluation.metrics.items()]
    said = [f"Mean recall on the {evaluation.split} split, in percent: {', '.join(recalls)}."] if recalls else []
    if not recalls and evaluation.missing:
        said.append("No run was evaluated yet.")
    if generation is not None and not recalls:
        share = f" ({100 * generation.ok / generation.total:.1f} %)" if generation.total else ""
        said.append(f"{generation.ok:,} of {generation.total:,} explanations are as they should be{share}.")
        if generation.gaps:
            said.append(f"They are not complete: {'; '.join(generation.gaps)}.")
    return " ".join(said) or "Nothing was measured yet."


@dataclass(frozen=True)
class Report:
    """What the page says, for the terminal too.

    Attributes:
        plots: picture files beside the page.
        metrics: each arm's metrics of the test split, as its `metrics.json` has them.
        comparison: the last arm against the first; None where there are no two that can be compared.
        verdict: that in a sentence.
    """

    path: Path
    plots: list[Path]
    metrics: dict[str, dict[str, Any]]
    comparison: Comparison | None
    verdict: str


def write_report(out: Path, title: str, arms: dict[str, Path]) -> Report:
    """Write `out/report.html` over evaluated runs; the first is the baseline, the last the one in question.

    Raises ModelError if a run was not evaluated, or the runs do not belong together.
    """
    settings = load_run_settings(next(iter(arms.values())) / "settings.yaml")
    split = settings.data.splits.test
    for run in arms.values():
        if split not in read_metrics(run)["splits"]:
            raise ModelError(f"{run} was not evaluated on split {split!r}; do it with: entityclip evaluate {run}")
    sources = Sources({arm: overview(run) for arm, run in arms.items()}, local_shards(settings.data.explanations))
    return write_page(out / "report.html", title, sources, strict=True)


def write_page(path: Path, title: str, sources: Sources, *, strict: bool = False) -> Report:
    """Write the page and `NAME_plots/` beside it over whatever there is; what is missing or damaged, it says.

    With `strict`, runs that cannot be compared raise ModelError.
    """
    found = None if sources.explanations is None else read_explanations(sources.explanations)
    generation = None if found is None else describe_generation(found)
    training = describe_training(sources)
    evaluation = describe_evaluation(sources)
    examples = _examples(sources, evaluation.split, evaluation.metrics, strict)
    if examples.comparison is not None:
        baseline, *_, ours = evaluation.metrics
        verdict = describe(ours, baseline, evaluation.metrics, examples.comparison)
    else:
        verdict = without_comparison(evaluation, generation)
    page = render(
        title=title,
        verdict=verdict,
        sources=sources,
        generation=generation,
        training=training,
        evaluation=evaluation,
        examples=examples,
        gallery=None if found is None else make_gallery(found, sources.image_root),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    plots = write_plots(path.with_name(f"{path.stem}_plots"), found, training, evaluation)
    return Report(path, plots, evaluation.metrics, examples.comparison, verdict)


def _examples(sources: Sources, split: str, metrics: dict[str, dict[str, Any]], strict: bool) -> Examples:
    if not metrics:
        return Examples([])
    partial = any(found.get("allow_partial") for found in metrics.values())
    try:
        return find_examples(sources, split, list(metrics), partial=partial)
    except ModelError as error:
        if strict:
            raise
        return Examples([], why_not=str(error))
