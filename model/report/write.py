"""Writes the page, and the plots beside it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entityclip.contract.atomic_files import written_whole
from model.data.remote_shards import local_shards
from model.errors import ModelError
from model.evaluation.compare import Comparison
from model.evaluation.evaluate import read_metrics
from model.report.evaluation import describe_evaluation
from model.report.explanations import read_explanations
from model.report.gallery import make_gallery
from model.report.generation import describe_generation
from model.report.page import render
from model.report.plots import write_plots
from model.report.retrieval_examples import Examples, find_examples
from model.report.sources import Sources
from model.report.training import describe_training
from model.report.verdict import about_the_baseline, describe, without_comparison
from model.runs import in_order, overview
from model.settings.load import load_run_settings


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
    """Write `out/report.html` over evaluated runs, `in_order`: plain CLIP is the baseline, the last is in question.

    Raises ModelError if a run was not evaluated, or the runs do not belong together.
    """
    settings = load_run_settings(next(iter(arms.values())) / "settings.yaml")
    split = settings.data.splits.test
    for run in arms.values():
        if split not in read_metrics(run)["splits"]:
            raise ModelError(f"{run} was not evaluated on split {split!r}; do it with: entityclip evaluate {run}")
    names = {run: arm for arm, run in arms.items()}
    runs = in_order(overview(run) for run in names)
    sources = Sources({names[run.location]: run for run in runs}, local_shards(settings.data.explanations))
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
        verdict += about_the_baseline({arm: sources.arms[arm] for arm in evaluation.metrics})
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
