"""Validation during training, which selects the weights to keep."""

from typing import Any

import torch

from model.checkpoints.train_state import Position
from model.distributed.local import LocalGroup
from model.evaluation.embed import embed_split
from model.evaluation.evaluate import retrieval_metrics
from model.evaluation.retrieval import ranks
from model.tracking.progress import NullOutput, Progress
from model.tracking.run_log import RunLog
from model.training.checkpointing import CheckpointManager
from model.training.stop_signal import StopSignal


class Validation:
    """Validation by retrieval before the first step, every `evaluation.every` steps, and after the last one."""

    def __init__(self, checkpoints: CheckpointManager, steps: int, device: torch.device, processes: LocalGroup) -> None:
        """Use the "val" split; if there is none, nothing is measured and the weights after all `steps` are kept."""
        self.checkpoints, self.steps, self.device, self.processes = checkpoints, steps, device, processes
        self.settings, self.split = checkpoints.settings, checkpoints.splits.get("val")

    def after(self, at: Position, log: RunLog | NullOutput, progress: Progress | NullOutput, stop: StopSignal) -> None:
        """Validate if it is due after this step and not yet done; save the weights if they are the best so far.

        If a stop is requested, validation is left to the process that resumes the run.
        """
        last = at.step == self.steps
        if at.validated:
            return
        if self.split is None:
            if last and self.processes.is_first:
                self.checkpoints.save_checkpoint(at)
        elif last or at.step % self.settings.evaluation.every == 0:
            with progress.aside("validating"):
                # several processes must finish validation together, so none may be interrupted
                metrics = stop.unless_stopped(self._measure) if self.processes.count == 1 else self._measure()
            if metrics is None:
                return
            if self.processes.is_first:
                self._note(metrics, at, log, progress)
        at.validated = True

    def _measure(self) -> dict[str, Any]:
        """Encode in all processes and rank in the first, without side effects."""
        assert self.split is not None
        clip, size = self.checkpoints.model.clip, self.settings.evaluation.batch_size
        embeddings = embed_split(clip, self.split, size, self.device, self.processes)
        if not self.processes.is_first:
            return {}
        return retrieval_metrics(embeddings, ranks(embeddings.image, embeddings.text, embeddings.groups))

    def _note(
        self, metrics: dict[str, Any], at: Position, log: RunLog | NullOutput, progress: Progress | NullOutput
    ) -> None:
        log.validation(at.step, metrics, at.step_seconds)
        best = at.best is None or metrics["mean_recall"] > at.best["mean_recall"]
        result = f"step {at.step}: validation mean recall {metrics['mean_recall']:.2f} %"
        progress.say(f"{result}, the best so far" if best and at.step else result)
        if best:
            at.best = metrics
            with progress.aside("saving"):
                self.checkpoints.save_checkpoint(at)
