"""The report's plots as PNG files, for papers, slides and issues."""

import re
from pathlib import Path

from model.report.charts import Draw, save_png
from model.report.evaluation import Evaluation, frequency_of, frequency_panel
from model.report.explanations import Explanations
from model.report.generation import length_panel
from model.report.training import Training, comparison_panels, with_steps
from model.tracking.curve_panels import gates_of

_OURS = ("learning_curves.png", "recall_by_entity_frequency.png", "explanation_length.png")


def write_plots(folder: Path, found: Explanations | None, training: Training, evaluation: Evaluation) -> list[Path]:
    """Write every plot that has data, delete outdated plots of earlier reports, and return the paths written."""
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
    """Return a safe file name for an arm; the number makes it unique."""
    slug = re.sub(r"[^A-Za-z0-9.-]+", "-", arm).strip("-.")[:40]
    return f"expert_gates_{number}_{slug}.png" if slug else f"expert_gates_{number}.png"
