"""The report's verdict in one or two sentences."""

from typing import Any

from model.evaluation.compare import Comparison
from model.report.evaluation import Evaluation
from model.report.generation import Generation
from model.run_kind import UNIMPROVED
from model.runs import RunOverview


def describe(ours: str, baseline: str, metrics: dict[str, dict[str, Any]], comparison: Comparison) -> str:
    """State which arm is better, by how much, and how certain that is."""
    recalls = f"{metrics[ours]['mean_recall']:.1f} against {metrics[baseline]['mean_recall']:.1f}"
    interval = f"95 % interval over the test pairs {comparison.low:+.1f} to {comparison.high:+.1f}"
    caution = "One training seed each: the interval does not include the variation between seeds."
    if not comparison.is_clear:
        difference = f"{comparison.difference:+.1f} points of mean recall"
        return f"No clear difference: {ours} differs from {baseline} by {difference} ({recalls}; {interval}). {caution}"
    better = "better" if comparison.difference > 0 else "worse"
    size = f"{abs(comparison.difference):.1f} points of mean recall"
    return f"{ours} is {better} than {baseline} by {size} ({recalls}; {interval}). {caution}"


def baseline_note(measured: dict[str, RunOverview]) -> str:
    """Return a sentence to append that names the baseline, or an empty string if exactly one run is plain CLIP."""
    plain = [arm for arm, run in measured.items() if run.is_plain_clip]
    first = next(iter(measured))
    if not plain:
        return f" No plain CLIP run was measured, so {first} ({measured[first].kind}) is the baseline."
    if len(plain) > 1:
        return f" {len(plain)} runs are plain CLIP ({', '.join(plain)}); {first} is the baseline."
    return ""


def unimproved_note(runs: dict[str, RunOverview]) -> str:
    """Return a sentence to append if validation selected the initial weights of some runs; else an empty string."""
    names = sorted(
        arm
        for arm, run in runs.items()
        if run.record.get("best_step") == 0 and run.record.get("best_mean_recall") is not None
    )  # sorted, so that the verdict does not depend on the order of the arguments
    return f" For {', '.join(names)}, {UNIMPROVED}." if names else ""


def without_comparison(evaluation: Evaluation, generation: Generation | None) -> str:
    """Summarise recalls without comparing the arms; if there are none, state how many explanations are valid."""
    recalls = [f"{arm} {found['mean_recall']:.1f}" for arm, found in evaluation.metrics.items()]
    sentences = [f"Mean recall on the {evaluation.split} split, in percent: {', '.join(recalls)}."] if recalls else []
    if not recalls and evaluation.missing:
        sentences.append("No run has been evaluated yet.")
    if generation is not None and not recalls:
        ok = generation.of_status("ok")
        share = f" ({100 * ok / generation.total:.1f} %)" if generation.total else ""
        sentences.append(f"{ok:,} of {generation.total:,} explanations are valid{share}.")
        if generation.found.gaps:
            sentences.append(f"They are incomplete: {'; '.join(generation.found.gaps)}.")
    return " ".join(sentences) or "Nothing has been measured yet."
