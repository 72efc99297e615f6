"""A run's log, with one line per step or validation, and the record of its origin and outcome."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import torch

from entityclip.contract.atomic_files import written_whole
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
    ) -> None:
        """Prepare the log; entering the context opens it.

        Args:
            steps: the run's total number of steps, written to each step's line as "of".
            resumed_from: the step that the run resumes from; None for a new log.
            validated: whether to keep the validation of step `resumed_from`.
        """
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
        """Remove the lines of steps that a resumed run will repeat, or all lines if the run is new."""
        with written_whole(self._path) as temporary, temporary.open("w", encoding="utf-8") as file:
            if self._resumed_from is not None and self._path.exists():
                for line in read_log(self._path.parent):
                    again = line["kind"] == "validation" and line["step"] == self._resumed_from and not self._validated
                    if line["step"] <= self._resumed_from and not again:
                        file.write(f"{json.dumps(line)}\n")

    def _write(self, line: dict[str, Any]) -> None:
        print(json.dumps(line, allow_nan=False), file=self._file, flush=True)
        self._trackers.write(line)


def read_log(run: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a run's log in order, ignoring an incomplete last line left by a killed run.

    Raises ModelError if the log is missing or any other line is damaged.
    """
    path = run / METRICS_LOG
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith("\n"):
                    return
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise ModelError(f"{path}, line {number} is not JSON ({error}); the file is damaged") from None
    except FileNotFoundError:
        raise ModelError(f"{path} does not exist; is {run} the folder of a training run?") from None


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
