"""Estimates the time, memory and disk that training takes, by a trial in a process of its own. Needs no torch."""

import json
import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import NamedTuple

from model.errors import ModelError
from model.settings.schema import TrainSettings


class TrainingEstimate(NamedTuple):
    """What a run takes in one process. Reading and decoding images is not included."""

    device: str
    steps: int
    batch_size: int
    measured_sizes: tuple[int, ...]  # pairs in the steps that were measured
    measured_seconds: tuple[float, ...]  # for each size, of the fastest step
    step_seconds: float  # of a step of batch_size, extrapolated if it was not measured
    validation_seconds: float  # of all validations together
    seconds: float  # of the whole run
    memory_bytes: int  # peak of the process, or on a GPU of torch's allocator
    disk_bytes: int  # of the run folder at its largest: checkpoint and saved states


def estimate_training(settings: TrainSettings, train_rows: int, val_rows: int, caption_tokens: int) -> TrainingEstimate:
    """Take a few steps on random pictures and texts (`model.training.trial`) and extrapolate to the run.

    Args:
        train_rows, val_rows: number of pairs in the two splits.
        caption_tokens: length of a long caption in CLIP tokens; explanations are taken to fill CLIP's context.

    Raises ModelError if training is not possible with these settings.
    """
    task = {"settings": settings.as_plain(), "rows": [train_rows, val_rows], "caption_tokens": caption_tokens}
    command = [sys.executable, "-P", "-m", "model.training.trial"]  # -P: ignore a `model` in the working directory
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as log,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdin is not None and process.stdout is not None
        with suppress(BrokenPipeError):  # it has ended already, and its log says why
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
        lines = process.stdout.read().splitlines()  # stdin stays open, so that the trial ends with this process
        code = process.wait()
        log.seek(0)
        last = log.read().strip().rpartition("\n")[2]
    try:
        answer = dict(json.loads(lines[-1]))
    except (IndexError, ValueError):
        raise ModelError(f"the trial of training ended with code {code}: {last}") from None
    if "error" in answer:
        raise ModelError(answer["error"])
    return TrainingEstimate(**answer)
