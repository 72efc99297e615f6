"""What is kept of a run while it trains: the best checkpoint, and its last states."""

import time
from pathlib import Path
from typing import Any

import torch

from model.checkpoints.checkpoint import CHECKPOINT, read_checkpoint_card, save_checkpoint
from model.checkpoints.train_state import Position, TrainState, keep_last, save_state
from model.clip.folder import TowersFolder
from model.data.dataset import TripleDataset
from model.errors import ModelError
from model.method.entityclip import EntityCLIP
from model.settings.schema import TrainSettings


class CheckpointManager:
    """Writes a run's checkpoint and states, and puts a state back."""

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
        """`origin` is what the run is made from; `base` the model folder that it began from, if any."""
        self.run, self.settings, self.origin = run, settings, origin
        self.model, self.optimizer, self.splits, self.base = model, optimizer, splits, base
        self._saved = (0, True)  # step, and whether the validation due after it was done
        self._saved_at = time.monotonic()

    def save_checkpoint(self, at: Position) -> None:
        """Keep the weights of this step as the best."""
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
        """After so many steps, after so many minutes, and after the last step."""
        often = self.settings.checkpoint
        if (at.step, at.validated) == self._saved:
            return False
        late = often.minutes is not None and time.monotonic() - self._saved_at >= 60 * often.minutes
        on_time = often.every is not None and at.step % often.every == 0
        return late or on_time or last

    def save_state(self, at: Position, device: torch.device) -> str:
        """Save all that a later process needs to go on; returns a line about what that cost."""
        saved = save_state(
            self.run,
            self.model,
            self.optimizer,
            device,
            position=at,
            failures={use: triples.failures for use, triples in self.splits.items()},
            rows={use: len(triples) for use, triples in self.splits.items()},
            origin=self.origin,
        )
        keep_last(self.run, self.settings.checkpoint.keep)
        self._saved, self._saved_at = (at.step, at.validated), time.monotonic()
        return f"step {at.step}: state saved, {saved.mebibytes:.1f} MiB in {saved.seconds:.2f} s"

    def restore(self, state: TrainState, device: torch.device) -> Position:
        """Make everything as it was when `state` was saved. Raises ModelError if other images are usable now."""
        for use, triples in self.splits.items():
            triples.failures.update(state.failures[use])
            if len(triples) != state.rows[use]:
                raise ModelError(
                    f"{self.run} holds an unfinished run on {state.rows[use]} usable rows of split "
                    f"{triples.source.split}, now there are {len(triples)}: images have changed; mend that, choose "
                    "another folder, or begin anew with --overwrite"
                )
        state.restore(self.model, self.optimizer, device)
        at = state.position
        self._saved = (at.step, at.validated)
        if (self.run / CHECKPOINT).exists() and (card := read_checkpoint_card(self.run))["step"] > at.best_step:
            at.best_step, at.best = card["step"], card["validation"]  # found after the state was saved
        return at
