"""Validation between the steps, which chooses the weights that are kept."""

from typing import Any

import torch

from model.checkpoints.train_state import Position
from model.data.dataset import TripleDataset
from model.distributed.local import LocalGroup
from model.evaluation.embed import embed_split
from model.evaluation.evaluate import retrieval_metrics
from model.settings.schema import TrainSettings
from model.tracking.progress import NullOutput, Progress
from model.tracking.run_log import RunLog
from model.training.checkpointing import CheckpointManager
from model.training.stop_signal import StopSignal


class Validation:
    """Retrieval on the validation split: before the first step, every so many steps, and after the last."""

    def __init__(
        self,
        settings: TrainSettings,
        keeper: CheckpointManager,
        split: TripleDataset | None,
        steps: int,
        device: torch.device,
        processes: LocalGroup,
    ) -> None:
        """Without a `split` nothing is measured, and the weights of the last of all `steps` are kept."""
        self.settings, self.keeper, self.split, self.steps = settings, keeper, split, steps
        self.device, self.processes = device, processes

    def after(self, at: Position, log: RunLog | NullOutput, progress: Progress | NullOutput, stop: StopSignal) -> None:
        """Validate if that is due after this step and not done, and keep the weights if they are the best so far.

        If a stop is asked for, it is left, to be done by the process that goes on.
        """
        last = at.step == self.steps
        if at.validated:
            return
        if self.split is None:
            if last and self.processes.is_first:
                self.keeper.save_checkpoint(at)
        elif last or at.step % self.settings.evaluation.every == 0:
            with progress.aside("validating"):
                # several processes end it together, so none can leave in the middle
                metrics = stop.unless_stopped(self._measure) if self.processes.count == 1 else self._measure()
            if metrics is None:
                return
            if self.processes.is_first:
                self._note(metrics, at, log, progress)
        at.validated = True

    def _measure(self) -> dict[str, Any]:
        """Encoded by all processes and ranked by the first; changes nothing."""
        assert self.split is not None
        clip, size = self.keeper.model.clip, self.settings.evaluation.batch_size
        rank, world = self.processes.rank, self.processes.count
        embeddings = embed_split(clip, self.split, size, self.device, rank=rank, world=world)
        return retrieval_metrics(embeddings) if self.processes.is_first else {}

    def _note(
        self, metrics: dict[str, Any], at: Position, log: RunLog | NullOutput, progress: Progress | NullOutput
    ) -> None:
        log.validation(at.step, metrics, at.step_seconds)
        best = at.best is None or metrics["mean_recall"] > at.best["mean_recall"]
        said = f"step {at.step}: validation mean recall {metrics['mean_recall']:.2f} %"
        progress.say(f"{said}, the best so far" if best and at.step else said)
        if best:
            at.best = metrics
            with progress.aside("saving"):
                self.keeper.save_checkpoint(at)
