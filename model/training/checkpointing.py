"""Saves and restores a run: the best checkpoint, and the latest training states."""

import time
from pathlib import Path
from typing import Any

import torch

from entityclip.contract.digests import digest
from model.checkpoints.checkpoint import checkpoint_problem, save_checkpoint
from model.checkpoints.train_state import Position, TrainState, keep_last, save_state
from model.clip.folder import TowersFolder
from model.data.dataset import TripleDataset
from model.errors import ModelError
from model.method.entityclip import EntityCLIP
from model.run_files import read_checkpoint_card
from model.settings.schema import TrainSettings
from model.training.anchors import ANCHORS
from model.training.sound_state import refers_to_checkpoint


class CheckpointManager:
    """Writes a run's checkpoints and training states, and restores a state."""

    def __init__(
        self,
        run: Path,
        settings: TrainSettings,
        origin: dict[str, Any],
        model: EntityCLIP,
        optimizer: torch.optim.Optimizer,
        splits: dict[str, TripleDataset],
        base: TowersFolder | None,
    ) -> None:
        """Use `origin`, the result of `describe_origin` for this run, and `base`, the initial model folder, if any."""
        self.run, self.settings, self.origin = run, settings, origin
        self.model, self.optimizer, self.splits, self.base = model, optimizer, splits, base
        self._saved = (0, True)  # step of the last saved state, and whether its validation was done
        self._saved_at = time.monotonic()

    def save_checkpoint(self, at: Position) -> None:
        """Save the current weights as the best checkpoint."""
        at.best_step = at.step
        save_checkpoint(
            self.run,
            self.model,
            self.settings.towers,
            step=at.step,
            validation=at.best,
            trained_with=self.origin,
            base=self.base,
        )

    def state_is_due(self, at: Position, *, last: bool) -> bool:
        """Return True if it is time to save a state: at the set intervals (steps or minutes) or after the last step."""
        often = self.settings.checkpoint
        if (at.step, at.validated) == self._saved:
            return False
        by_time = often.minutes is not None and time.monotonic() - self._saved_at >= 60 * often.minutes
        by_step = often.every is not None and at.step % often.every == 0
        return by_time or by_step or last

    def save_state(self, at: Position, device: torch.device) -> str:
        """Save everything needed to resume; return a message with the size and the time taken."""
        began = time.monotonic()
        failures = {use: triples.failures for use, triples in self.splits.items()}
        rows = {use: len(triples) for use, triples in self.splits.items()}
        anchors = digest(self.run / ANCHORS) if self.settings.method.encodes_before_training else None
        record = {"failures": failures, "rows": rows, "origin": self.origin, "anchors": anchors}
        folder = save_state(self.run, at, record, self.model, self.optimizer, device)
        keep_last(self.run, self.settings.checkpoint.keep)
        self._saved, self._saved_at = (at.step, at.validated), time.monotonic()
        size = sum(file.stat().st_size for file in folder.iterdir()) / 2**20
        return f"step {at.step}: state saved, {size:.1f} MiB in {self._saved_at - began:.2f} s"

    def restore(self, state: TrainState, device: torch.device) -> Position:
        """Restore a saved state. Raises ModelError if the number of usable rows has changed since it was saved."""
        for use, triples in self.splits.items():
            triples.failures.update(state.failures[use])
            if len(triples) != state.rows[use]:
                raise ModelError(
                    f"{self.run} contains an unfinished run on {state.rows[use]} usable rows of split "
                    f"{triples.source.split}, which now has {len(triples)} because images have changed. Restore the "
                    "images, choose another folder, or start again with --overwrite"
                )
        state.restore(self.model, self.optimizer, device)
        at = state.position
        self._saved = (at.step, at.validated)
        return at

    def match_checkpoint(self, at: Position) -> str | None:
        """Bring a restored position and the checkpoint into agreement; return a remark if the checkpoint was rewritten.

        A state that `find_state` chose needs no other checkpoint than one that is whole, or its own weights. To be
        called by the first process; the others follow its `at`.
        """
        if checkpoint_problem(self.run) is None and (card := read_checkpoint_card(self.run))["step"] >= at.best_step:
            if card["step"] > at.best_step:
                at.best_step, at.best = card["step"], card["validation"]  # the checkpoint is newer than the state
            return None
        if not refers_to_checkpoint(at):
            return None
        self.save_checkpoint(at)
        return f"the checkpoint of step {at.step} was written again from the state of that step"
