"""Overview of a training run, read from the small files in its folder without loading weights or torch."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from entityclip.contract.errors import ContractError
from entityclip.contract.own_json import check_shape, parse_object, read_object
from entityclip.contract.yaml_file import load_yaml
from model import record_shapes
from model.run_files import CARD, CHECKPOINT, METRICS, METRICS_LOG, RECORD, SETTINGS, STATE, TOWERS
from model.run_kind import OURS, is_plain_clip, kind, parts
from model.settings.schema import MethodSettings

_TAIL = 1 << 18  # bytes read from the end of the log
IMPORTED = "imported checkpoint"


class RunOverview(NamedTuple):
    """Contents of a run folder; fields missing from its files are None or empty.

    Attributes:
        state: "finished", "unfinished" (running or stopped), or "imported checkpoint".
        settings: the run's settings as JSON-serialisable values.
        last_step: the last step in the log, with its number, losses and learning rates.
        checkpoint: the card of the best checkpoint, with its step and its validation metrics in percent.
        evaluation: contents of `metrics.json`: gallery and retrieval metrics in percent by split; `stale` is True if
            they were measured with different weights.
        resumable: steps with a saved training state, from which training can resume.
        record: facts about the finished run, such as its duration in seconds, rows by use, and versions.
        damaged: unreadable files, each with the reason.
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
        """Return the folder of the shards that the run was trained on."""
        folder = (self.settings.get("data") or {}).get("explanations")
        return None if folder is None else str(folder)

    @property
    def method(self) -> MethodSettings | None:
        """Return the method from the settings if valid there, otherwise from the checkpoint; None if valid in neither.

        `settings.yaml` holds every setting. If a setting is absent, the version that wrote the file did not have it,
        so its default (off) is correct.
        """
        of_settings = self.settings.get("method", {}) if self.settings else None
        for method in (of_settings, self.checkpoint.get("method")):
            try:
                return MethodSettings.model_validate(method)
            except ValidationError:  # absent, damaged, or from a later version with unknown parts
                continue
        return None

    @property
    def is_control(self) -> bool:
        """Return whether every row was trained with another row's explanation."""
        data = self.settings.get("data")
        return isinstance(data, dict) and data.get("wrong_explanations") is True

    @property
    def is_plain_clip(self) -> bool:
        """Return whether the run trains with the contrastive loss only, as the baseline does."""
        return self.method is not None and is_plain_clip(self.method)

    @property
    def kind(self) -> str:
        """Return the method's display name (`run_kind.kind`), with a remark if the run is a control or imported."""
        name = "of an unknown method" if self.method is None else kind(self.method)
        control = ", others' explanations" if self.is_control else ""
        imported = ", imported" if self.state == IMPORTED else ""
        return f"{name}{control}{imported}"

    def as_plain(self) -> dict[str, Any]:
        """Return the overview as JSON-serialisable values."""
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
    """Return whether `folder` holds a training run or an imported checkpoint."""
    return any((folder / name).is_file() for name in (f"{CHECKPOINT}/{CARD}", RECORD, METRICS_LOG))


def overview(run: Path) -> RunOverview:
    """Read the small files in a run folder; unreadable files are listed in `damaged`."""
    damaged: dict[str, str] = {}

    def read(name: str, shape: TypeAdapter[Any]) -> dict[str, Any]:
        path = run / name
        if not path.exists():
            return {}
        try:
            content = load_yaml(path) if name.endswith(".yaml") else read_object(path)
            if not isinstance(content, dict):
                raise ContractError("the content is not a mapping")
            check_shape(content, shape)
        except (OSError, ContractError) as error:
            damaged[name] = str(error)
            return {}
        return content

    card, record = read(f"{CHECKPOINT}/{CARD}", record_shapes.SHOWN_CARD), read(RECORD, record_shapes.RECORD)
    settings, evaluation = read(SETTINGS, record_shapes.SETTINGS), read(METRICS, record_shapes.METRICS)
    if (run / METRICS_LOG).exists() and not (run / METRICS_LOG).is_file():
        damaged[METRICS_LOG] = "it is not a file"
    last_step = (last_steps(run / METRICS_LOG) or [{}])[-1]
    state = "finished" if record else "unfinished" if last_step or settings else IMPORTED
    if evaluation:
        weights = card.get("sha256")
        evaluation["stale"] = isinstance(weights, dict) and weights.get(TOWERS) != evaluation.get("towers_sha256")
    states = [folder.name.removeprefix("step-") for folder in (run / STATE).glob("step-*") if folder.is_dir()]
    resumable = tuple(sorted(int(step) for step in states if step.isdecimal() and step.isascii()))
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
    """Sort runs (stably) for comparison: plain CLIP (the baseline), controls, the paper's method, our extensions."""
    return sorted(runs, key=_rank)


def _rank(run: RunOverview) -> int:
    if run.is_plain_clip:
        return 0
    if run.is_control:
        return 1
    ours = run.method is not None and set(OURS) & set(parts(run.method))
    return 3 if ours else 2


def last_steps(log: Path) -> list[dict[str, Any]]:
    """Return the last lines of kind "step" in a run's log, reading only the end of the file."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL))
            lines = file.read().split(b"\n")[:-1]
    except OSError:  # it is not there, or not a file
        return []
    found = []
    for line in lines:
        with suppress(ContractError):  # cut off at the start of the tail, by a crash, or damaged
            content = parse_object(line)
            if content.get("kind") == "step":
                check_shape(content, record_shapes.LINES["step"])
                found.append(content)
    return found
