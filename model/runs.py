"""What a training run is, from the small files that it leaves: no weights are read, and torch is not imported."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

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

    def as_plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "inspect_version": 1,
            "kind": "training run",
            "location": str(self.location),
            "state": self.state,
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
            content = yaml.safe_load(text) if name.endswith(".yaml") else json.loads(text)
            if not isinstance(content, dict):
                raise ValueError("is no mapping")
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, yaml.YAMLError) as error:
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
        state = "imported checkpoint"
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
