"""A run's log, with one line per step or validation, and the record of its origin and outcome."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import torch

from entityclip.contract.atomic_files import moved_aside, written_whole
from entityclip.contract.errors import ContractError
from entityclip.contract.own_json import check_shape, parse_object
from model import record_shapes
from model.code_version import code_version
from model.data.dataset import TripleDataset
from model.data.shards import SplitRows
from model.errors import ModelError
from model.method.entityclip import EntityCLIP
from model.run_files import METRICS_LOG
from model.settings.schema import TrainSettings
from model.tracking.trackers import Trackers

_NAMED_FAILURES = 100


class RunLog:
    """`RUN/metrics.jsonl`: JSON lines of `kind` "step" or "validation", flushed at once and also sent to the trackers.

    A resumed run removes the lines of the steps that it will repeat, then appends to the same file. It keeps the
    lines of the step it resumes from, except for that step's validation if it will be repeated.
    """

    def __init__(
        self,
        run: Path,
        trackers: Trackers,
        *,
        steps: int | None = None,
        resumed_from: int | None = None,
        validated: bool = True,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Prepare the log; entering the context opens it.

        Args:
            steps: the run's total number of steps, written to each step's line as "of".
            resumed_from: the step that the run resumes from; None for a new log.
            validated: whether to keep the validation of step `resumed_from`.
            say: called with a line about damage in the log of a resumed run.
        """
        self._say = say
        self._path, self._trackers, self._steps = run / METRICS_LOG, trackers, steps
        self._resumed_from, self._validated = resumed_from, validated

    def __enter__(self) -> Self:
        self._remove_repeated_lines()
        self._file = self._path.open("a", encoding="utf-8")
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        self._trackers.close(failed=error[0] is not None)

    def step(
        self, step: int, losses: dict[str, float], report: dict[str, float], rates: dict[str, float], seconds: float
    ) -> None:
        """Log an optimiser step; `seconds` is the time since the start, without validations."""
        # five digits are enough for a mean over a batch, and halve the log
        report = {name: float(f"{value:.5g}") for name, value in report.items()}
        line = {"kind": "step", "step": step, "of": self._steps, "losses": losses, "report": report}
        self._write(line | {"lr": rates, "seconds": seconds})

    def validation(self, step: int, metrics: dict[str, Any], seconds: float) -> None:
        """Log retrieval metrics on the validation split."""
        self._write({"kind": "validation", "step": step, "metrics": metrics, "seconds": seconds})

    def sync(self) -> None:
        """Flush the log to disk."""
        os.fsync(self._file.fileno())

    def _remove_repeated_lines(self) -> None:
        """Remove the lines of steps that a resumed run will repeat, or all lines if the run is new.

        Damaged lines are left out, after a copy of the damaged log was made.
        """
        if self._path.exists() and not self._path.is_file():
            self._say(f"{self._path} is not a file; it was moved to {self._aside()}, and a new log begins")
        damaged: list[str] = []
        with written_whole(self._path) as temporary, temporary.open("w", encoding="utf-8") as file:
            if self._resumed_from is not None and self._path.exists():
                for line in read_log(self._path.parent, damaged.append):
                    again = line["kind"] == "validation" and line["step"] == self._resumed_from and not self._validated
                    if line["step"] <= self._resumed_from and not again:
                        file.write(f"{json.dumps(line)}\n")
            if damaged:
                more = f", and {len(damaged) - 1} more" if len(damaged) > 1 else ""
                self._say(f"{damaged[0]}{more}; the other lines are kept, and a copy is at {self._aside(copy=True)}")

    def _aside(self, *, copy: bool = False) -> Path:
        return moved_aside(self._path, self._path.parent / "damaged", copy=copy)

    def _write(self, line: dict[str, Any]) -> None:
        print(json.dumps(line, allow_nan=False), file=self._file, flush=True)
        self._trackers.write(line)


def read_log(run: Path, damaged: Callable[[str], None] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the lines of a run's log in order, ignoring an incomplete last line left by a killed run.

    Args:
        damaged: called with a description of each damaged line, which is then left out.

    Raises ModelError if the log is missing or not readable, or if a line is damaged and `damaged` is not given.
    """
    path = run / METRICS_LOG
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    return
                try:
                    yield _parsed(line, f"{path}, line {number}")
                except ContractError as error:
                    if damaged is None:
                        raise ModelError(f"{error}; the file is damaged; delete the line to read the others") from None
                    damaged(str(error))
    except FileNotFoundError:
        raise ModelError(f"{path} does not exist; is {run} the folder of a training run?") from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error}); move it away, and the next run begins a new one") from error


def _parsed(line: bytes, where: str) -> dict[str, Any]:
    content = parse_object(line, where)
    try:
        check_shape(content, record_shapes.LINE)
        if (shape := record_shapes.LINES.get(content["kind"])) is not None:
            check_shape(content, shape)
    except ContractError as error:
        raise ContractError(f"{where} has an {error}") from error
    return content


def describe_origin(settings: TrainSettings, rows: SplitRows, val_rows: SplitRows | None) -> dict[str, Any]:
    """Return what is known before the first step: settings, seed, code versions, and shards by use ("train", "val")."""
    splits = {"train": rows} | ({} if val_rows is None else {"val": val_rows})
    return {
        "settings": settings.as_plain(),
        "seed": settings.seed,
        "allow_partial": settings.data.allow_partial,
        "wrong_explanations": settings.data.wrong_explanations,
        "versions": code_version(),
        "data": {use: split.source.record() for use, split in splits.items()},
    }


def describe_run(
    origin: dict[str, Any], device: torch.device, model: EntityCLIP, splits: dict[str, TripleDataset]
) -> dict[str, Any]:
    """Return the record of a finished run: its origin, device, parameter counts, and rows by use."""
    towers, total = (sum(p.numel() for p in module.parameters()) for module in (model.clip, model))
    return {
        **origin,
        "device": device.type,
        "threads": torch.get_num_threads(),
        "parameters": {"towers": towers, "training_only": total - towers},
        "data": {name: origin["data"][name] | _describe_rows(triples) for name, triples in splits.items()},
    }


def _describe_rows(triples: TripleDataset) -> dict[str, Any]:
    named = dict(list(triples.failures.items())[:_NAMED_FAILURES])
    return {
        "rows": len(triples),
        "truncated_captions": triples.truncation.captions,
        "truncated_explanations": triples.truncation.explanations,
        "failed_images": {"count": len(triples.failures), "named": named},
    }
