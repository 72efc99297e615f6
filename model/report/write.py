"""Functions that write the report page and its plots."""

from pathlib import Path
from typing import Any, NamedTuple

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
from model.report.verdict import baseline_note, describe, unimproved_note, without_comparison
from model.runs import in_order, overview
from model.settings.load import load_run_settings


class Report(NamedTuple):
    """Summary of the page, for the terminal.

    Attributes:
        plots: PNG files written next to the page.
        metrics: each arm's metrics on the test split, from its `metrics.json`.
        comparison: the last arm compared with the first; None if they cannot be compared.
        verdict: the result of the report in one or two sentences.
    """

    path: Path
    plots: list[Path]
    metrics: dict[str, dict[str, Any]]
    comparison: Comparison | None
    verdict: str


def write_report(out: Path, title: str, arms: dict[str, Path]) -> Report:
    """Write `out/report.html` for evaluated runs, sorted by `in_order`; plain CLIP, if included, is the baseline.

    Raises ModelError if a run has not been evaluated or the runs are not comparable.
    """
    settings = load_run_settings(next(iter(arms.values())) / "settings.yaml")
    split = settings.data.splits.test
    for run in arms.values():
        if split not in read_metrics(run)["splits"]:
            raise ModelError(
                f"{run} has not been evaluated on split {split!r}; run: entityclip evaluate {run} --split {split}"
            )
    names = {run: arm for arm, run in arms.items()}
    runs = in_order(overview(run) for run in names)
    sources = Sources({names[run.location]: run for run in runs}, local_shards(settings.data.explanations))
    return write_page(out / "report.html", title, sources, strict=True)


def write_page(path: Path, title: str, sources: Sources, *, strict: bool = False) -> Report:
    """Write the page and its plots (`NAME_plots/`), replacing earlier ones; the page reports missing or damaged inputs.

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
        verdict += baseline_note({arm: sources.arms[arm] for arm in evaluation.metrics})
    else:
        verdict = without_comparison(evaluation, generation)
    verdict += unimproved_note(sources.arms)
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
