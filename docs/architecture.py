"""Defines the layers of the code base. `python -m docs.architecture` draws them to docs/architecture.svg.

tests/test_architecture.py checks every import against the layers.
"""

from collections.abc import Iterator
from html import escape
from pathlib import Path

# Highest layer first. A unit (a sub-package or a top-level module of its package) imports only units of lower layers.
LAYERS: dict[str, list[list[str]]] = {
    "flows": [
        ["cli"],
        ["demo", "run_all", "reproduce", "doctor"],
        ["generate", "generate_range", "train", "evaluate"],
        ["orchestration", "stages", "browser", "report", "paper_benchmarks", "init_files"],
        ["display", "project_paths", "arms", "init_models"],
        ["query_explanations"],
    ],
    "pipeline": [
        ["checking", "guessing", "import_released", "verifying"],
        ["generation"],
        ["engines", "plan"],
        ["job", "readers", "inspect", "packing"],
        ["chat"],
        ["weights"],
        ["images", "judge", "llm"],
        ["chat_template"],
        ["manifest", "prompts", "shards"],
        ["files", "worlds"],
        ["errors", "pair"],
    ],
    "model": [
        ["launch"],
        ["training", "report", "search", "exporting", "preflight"],
        ["evaluation", "tracking"],
        ["data", "checkpoints"],
        ["method"],
        ["clip", "distributed", "runs"],
        ["run_kind", "clip_files"],
        ["settings", "precision"],
        ["run_files"],
        ["errors", "rng", "code_version", "worker_process", "record_shapes"],
    ],
}
# In order: the units that turn a caption into a row of a shard, and those that turn rows into steps and metrics.
CAPTION = ["manifest", "readers", "plan", "engines", "judge", "generation", "shards"]
BATCH = ["data", "training", "method", "clip", "checkpoints", "evaluation", "report"]
_WIDTH, _ROW, _PAD, _LETTER = 1120, 34, 14, 8.43
_COLOURS = {"flows": "#7a5195", "pipeline": "#2f6f9f", "model": "#b3562c", "contract": "#4d7c3a"}
_STYLE = (
    "text{font:14px ui-monospace,DejaVu Sans Mono,Menlo,Consolas,monospace;fill:#1c1c1c}.title{font-weight:700}"
    ".small{font:13px system-ui,sans-serif;fill:#444}.step{font:700 12px system-ui,sans-serif;fill:#fff}"
)


def picture() -> str:
    """Draw the layers as SVG, with flows above pipeline and model, and the contract at the bottom."""
    half = (_WIDTH - 3 * _PAD) / 2
    top = _height("flows") + 2 * _PAD
    middle = max(_height("pipeline"), _height("model"))
    below = top + middle + _PAD
    height = below + 70 + _PAD
    shared = "shared by both halves: schema, receipts, statuses, images, names, files"
    parts = [
        *_package("flows", _PAD, _PAD, _WIDTH - 2 * _PAD, _height("flows"), "thin flows, the command, the browser", []),
        *_package("pipeline", _PAD, top, half, middle, "captions to explanation shards: path of a caption", CAPTION),
        *_package("model", 2 * _PAD + half, top, half, middle, "shards to a trained CLIP: path of a batch", BATCH),
        *_box("entityclip.contract", "contract", _PAD, below, _WIDTH - 2 * _PAD, 70),
        _text(_PAD + 12, below + 50, shared, "small"),
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" role="img">'
    title = "<title>Layers: each unit imports only from lower layers</title>"
    ground = f'<rect width="{_WIDTH}" height="{height:.0f}" fill="#fff"/>'
    return "\n".join([head, title, f"<style>{_STYLE}</style>", ground, *parts, "</svg>\n"])


def _height(package: str) -> float:
    return 40 + _ROW * len(LAYERS[package]) + 6


def _package(name: str, x: float, y: float, width: float, height: float, about: str, steps: list[str]) -> Iterator[str]:
    yield from _box(name, name, x, y, width, height)
    yield _text(x + 24 + _LETTER * len(name), y + 25, about, "small")
    for number, units in enumerate(LAYERS[name]):
        line = y + 40 + number * _ROW
        at = x + 12
        for unit in units:
            wide = 18 + _LETTER * len(unit) + (24 if unit in steps else 0)
            yield (
                f'<rect x="{at:.1f}" y="{line:.1f}" width="{wide:.1f}" height="26" rx="5" fill="#fff" '
                f'stroke="{_COLOURS[name]}"/>'
            )
            yield _text(at + 9, line + 18, unit)
            if unit in steps:
                yield f'<circle cx="{at + wide - 15:.1f}" cy="{line + 13:.1f}" r="9" fill="{_COLOURS[name]}"/>'
                yield _text(at + wide - 18.5, line + 17, str(steps.index(unit) + 1), "step")
            at += wide + 8


def _box(name: str, colour: str, x: float, y: float, width: float, height: float) -> Iterator[str]:
    yield (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="8" '
        f'fill="{_COLOURS[colour]}" fill-opacity="0.09" stroke="{_COLOURS[colour]}"/>'
    )
    yield _text(x + 12, y + 25, name, "title")


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{style}>{escape(text)}</text>'


if __name__ == "__main__":
    Path(__file__).with_name("architecture.svg").write_text(picture(), encoding="utf-8")
