"""Charts of the report page in a light and a dark theme, each with alt text and a table of the plotted numbers."""

import io
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from entityclip.contract.atomic_files import written_whole
from model.report.pictures import data_uri
from model.report.text import shown
from model.tracking.curve_panels import COLOURS, legend_above

Draw = Callable[[Axes], None]

_INCHES = (4.6, 3.1)
_NAME, _ROW = 32, 34  # maximum length of an arm's name in a legend, and of all labels in one legend row
_INK, _FRAME, _GRID = "#18181b", "#52525b", "#b0b0b0"
# Okabe-Ito without pure black, which SVG files omit as the default colour, so the dark theme could not replace it
_COLOURS = ("#111111", *COLOURS[1:])
_STYLE: dict[str, Any] = {
    "svg.hashsalt": "entityclip",
    "text.parse_math": False,  # names are untrusted: a dollar sign must not start a formula
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=_COLOURS),
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), _INK),
    "axes.edgecolor": _FRAME,
    "grid.color": _GRID,
}
# Colours of the dark theme
_DARK = {
    _INK: "#e4e4e7",
    _FRAME: "#a1a1aa",
    _GRID: "#71717a",
    "#111111": "#f4f4f5",
    "#0072b2": "#5cb3e8",
    "#009e73": "#2fc197",
    "#d55e00": "#f08744",
    "#cc79a7": "#e59ccb",
}


class Chart(NamedTuple):
    """A chart as a light and a dark SVG (data URIs), with alt text and a table of the plotted numbers."""

    title: str
    light: str
    dark: str
    alt: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


def chart(draw: Draw, title: str, alt: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Chart:
    """Draw a chart once and recolour it for the dark theme."""
    light = _svg(draw)
    dark = re.sub("|".join(_DARK), lambda found: _DARK[found[0]], light)
    first, second = (data_uri("image/svg+xml", svg.encode()) for svg in (light, dark))
    return Chart(title, first, second, alt, columns, rows)


def save_png(path: Path, draws: Sequence[Draw]) -> None:
    """Write the panels atomically to a PNG file, with three panels per row."""
    across = min(3, len(draws))
    down = -(-len(draws) // across)
    with _style(), written_whole(path) as temporary:
        figure = Figure(figsize=(_INCHES[0] * across, _INCHES[1] * down), layout="constrained")
        grid = figure.subplots(down, across, squeeze=False).ravel()
        for axes, draw in zip(grid, draws, strict=False):
            draw(axes)
        for axes in grid[len(draws) :]:
            axes.remove()
        figure.savefig(temporary, format="png", dpi=120)


def short(name: str) -> str:
    """Shorten an arm's name for a legend."""
    name = shown(name)
    return name if len(name) <= _NAME else f"{name[: _NAME - 9]}…{name[-8:]}"


def finish(axes: Axes, title: str, x: str, y: str, *, legend: bool = True) -> None:
    """Set the title, axis labels, grid and spines, and add a legend above the axes if there are labelled curves."""
    labels = axes.get_legend_handles_labels()[1] if legend else []
    across = 3 if sum(map(len, labels)) <= _ROW else 1
    axes.set_title(title, fontsize=10, pad=9 + 14 * -(-len(labels) // across) if labels else 6)
    axes.set(xlabel=x, ylabel=y)
    if labels:
        legend_above(axes, min(across, len(labels)))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _svg(draw: Draw) -> str:
    buffer = io.StringIO()
    with _style():
        figure = Figure(figsize=_INCHES, layout="constrained")
        draw(figure.subplots())
        figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    return buffer.getvalue()


@contextmanager
def _style() -> Iterator[None]:
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # names in scripts that the font lacks
        yield
