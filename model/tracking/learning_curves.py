"""`RUN/learning_curves.png`, an overview of a run, redrawn at validations and at the end."""

import time
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import EngFormatter, MaxNLocator

from entityclip.contract.atomic_files import written_whole
from model.tracking.curve_panels import CYCLE, Panel, curves_of, gates_of
from model.tracking.history import History, history_of
from model.tracking.run_log import read_log

CURVES = "learning_curves.png"
_SECONDS_BETWEEN = 60.0
_COLUMNS = 3


class LearningCurves:
    """Tracker that redraws `RUN/learning_curves.png` after validations, at most once a minute."""

    name = "learning curves"

    def __init__(self, run: Path) -> None:
        self._run = run
        self._history: History | None = None
        self._drawn_at = time.monotonic()

    def log(self, step: int, scalars: dict[str, float]) -> None:
        """Add the scalars; redraw the curves after a validation."""
        if self._history is None:  # a resumed run has earlier values in its log
            self._history = history_of(read_log(self._run))
        else:
            self._history.add(step, scalars)
        validated = any(name.startswith("validation/") for name in scalars)
        if validated and time.monotonic() - self._drawn_at >= _SECONDS_BETWEEN:
            self.draw()

    def close(self, *, failed: bool) -> None:
        """Draw the final curves."""
        if self._history is not None:
            self.draw()

    def draw(self) -> None:
        """Draw the curves and write the image file atomically."""
        assert self._history is not None
        figure = learning_curves(self._history, self._run.name)
        with written_whole(self._run / CURVES) as temporary:
            figure.savefig(temporary, format="png", dpi=100)
        self._drawn_at = time.monotonic()


def learning_curves(history: History, title: str) -> Figure:
    """Return a figure with a panel for each available quantity, and the gates' panels below them."""
    curves, gates = list(curves_of(history).values()), gates_of(history)
    rows = -(-len(curves) // _COLUMNS), -(-len(gates) // _COLUMNS)
    layout = ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.1)  # inches
    figure = Figure(figsize=(14, 0.5 + 3.3 * max(1, sum(rows))), layout=layout)
    figure.suptitle(title, parse_math=False, fontweight="bold")
    groups = [(panels, count) for panels, count in zip((curves, gates), rows, strict=True) if panels]
    if groups:  # separate subfigures, because the gates' long labels would narrow the curves
        parts = figure.subfigures(len(groups), 1, squeeze=False, height_ratios=[count for _, count in groups]).ravel()
        for part, (panels, count) in zip(parts, groups, strict=True):
            _draw(part, panels, count)
    return figure


def _draw(part: SubFigure, panels: list[Panel], rows: int) -> None:
    grid = part.subplots(rows, _COLUMNS, squeeze=False).ravel()
    with rc_context(CYCLE):
        for axes, draw in zip(grid, panels, strict=False):
            draw(axes)
            mark_steps(axes)
    for axes in grid[len(panels) :]:
        axes.remove()


def mark_steps(axes: Axes) -> None:
    """Format the x axis as training steps."""
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))  # 20k
