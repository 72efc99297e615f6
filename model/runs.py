"""What a training run is, from the small files that it leaves: no weights are read, and torch is not imported."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from entityclip.contract.yaml_file import parse_yaml
from model.run_kind import OURS, is_plain_clip, kind, parts
from model.settings.schema import MethodSettings

# As `checkpoint`, `run_folder`, `run_log`, `evaluation` and `train_state` name them; those import torch: seconds.
_CARD, _RECORD, _LOG, _SETTINGS, _METRICS = (
    "checkpoint/checkpoint.json",
    "train.json",
    "metrics.jsonl",
    "settings.yaml",
    "metrics.json",
)
_TOWERS, _STATE = "towers.safetensors", "state"
_TAIL = 1 << 18
IMPORTED = "imported checkpoint"


@dataclass(frozen=True)
class RunOverview:
    """A run folder, as far as its files tell; what a file does not say is None or empty.

    Attributes:
        state: "finished", "unfinished" (it goes on, or was stopped), or "imported checkpoint".
        settings: those of the run, plain.
        last_step: the last line of the log about a step: its number, losses and learning rates.
        checkpoint: the card of the checkpoint that is kept: its step, and what validation found in percent.
        evaluation: `metrics.json`: by split gallery and retrieval in percent; `stale` if measured on other weights.
        resumable: steps whose whole state is saved, so that training can go on from them.
        record: what the finished run says of itself: seconds, rows by use, versions.
        damaged: files that cannot be read, and why.
    """

    location: Path
    state: str
    settings: dict[str, Any]
    last_step: dict[str, Any]
    checkpoint: dict[str, Any]
    evaluation: dict[str, Any]
    resumable: tuple[int, ...]
    record: dict[str, Any]
    damaged: dict[str, str]

    @property
    def explanations(self) -> str | None:
        """Folder of the shards it was trained on."""
        folder = (self.settings.get("data") or {}).get("explanations")
        return None if folder is None else str(folder)

    @property
    def method(self) -> MethodSettings | None:
        """What it trains, by its settings, or else by its checkpoint; None if neither says it.

        `settings.yaml` is written whole, so what it leaves out an older version did not have: off, as the default says.
        """
        of_settings = self.settings.get("method", {}) if self.settings else None
        for method in (of_settings, self.checkpoint.get("method")):
            try:
                return MethodSettings.model_validate(method)
            except ValidationError:  # absent, damaged, or of a later version, with parts that are not known here
                continue
        return None

    @property
    def is_control(self) -> bool:
        """Whether every row was trained with the explanation of another."""
        data = self.settings.get("data")
        return isinstance(data, dict) and data.get("wrong_explanations") is True

    @property
    def is_plain_clip(self) -> bool:
        """Whether the contrastive loss is all that it trains: it is the baseline of the others."""
        return self.method is not None and is_plain_clip(self.method)

    @property
    def kind(self) -> str:
        """What people call it, such as "EntityCLIP" (`run_kind.kind`), and whether it is a control or imported."""
        name = "of an unknown method" if self.method is None else kind(self.method)
        control = ", others' explanations" if self.is_control else ""
        imported = ", imported" if self.state == IMPORTED else ""
        return f"{name}{control}{imported}"

    def as_plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "inspect_version": 1,
            "kind": "training run",
            "location": str(self.location),
            "state": self.state,
            "method": self.kind,
            "explanations": self.explanations,
            "settings": self.settings,
            "last_step": self.last_step,
            "checkpoint": self.checkpoint,
            "evaluation": self.evaluation,
            "resumable_steps": list(self.resumable),
            "record": self.record,
            "damaged": [{"file": name, "why": why} for name, why in self.damaged.items()],
        }


def is_training_run(folder: Path) -> bool:
    """Whether training, or an import of a checkpoint, wrote here."""
    return any((folder / name).is_file() for name in (_CARD, _RECORD, _LOG))


def overview(run: Path) -> RunOverview:
    """Read a run folder's small files; one that is damaged is named, the others are read."""
    damaged: dict[str, str] = {}

    def read(name: str) -> dict[str, Any]:
        try:
            text = (run / name).read_text(encoding="utf-8")
            content = parse_yaml(text) if name.endswith(".yaml") else json.loads(text)
            if not isinstance(content, dict):
                raise ValueError("is no mapping")
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            damaged[name] = str(error)
            return {}
        return content

    card, record, settings, evaluation = read(_CARD), read(_RECORD), read(_SETTINGS), read(_METRICS)
    last_step = _last_step(run / _LOG)
    if record:
        state = "finished"
    elif last_step or settings:
        state = "unfinished"
    else:
        state = IMPORTED
    if evaluation:
        weights = card.get("sha256")
        measured = evaluation.get("towers_sha256")
        evaluation["stale"] = isinstance(weights, dict) and weights.get(_TOWERS) != measured
    resumable = tuple(sorted(int(folder.name[5:]) for folder in (run / _STATE).glob("step-[0-9]*") if folder.is_dir()))
    return RunOverview(
        location=run,
        state=state,
        settings=settings,
        last_step=last_step,
        checkpoint=card,
        evaluation=evaluation,
        resumable=resumable,
        record=record,
        damaged=damaged,
    )


def in_order(runs: Iterable[RunOverview]) -> list[RunOverview]:
    """As they are compared: plain CLIP, the baseline, then controls, then the paper's method, then ours.

    Those of one kind stay as they are given.
    """
    return sorted(runs, key=_place)


def _place(run: RunOverview) -> int:
    if run.is_plain_clip:
        return 0
    if run.is_control:
        return 1
    ours = run.method is not None and set(OURS) & set(parts(run.method))
    return 3 if ours else 2


def _last_step(log: Path) -> dict[str, Any]:
    """The last whole line of a step; only the end of the log is read."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL))
            lines = file.read().split(b"\n")[:-1]
    except FileNotFoundError:
        return {}
    for line in reversed(lines):
        try:
            content = json.loads(line)
        except ValueError:  # the line that the tail begins in, or one that was torn
            continue
        if isinstance(content, dict) and content.get("kind") == "step":
            return content
    return {}
