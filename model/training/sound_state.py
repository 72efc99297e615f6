"""Finds the state to resume from: the latest one that is whole, with everything that it refers to."""

from pathlib import Path
from typing import NamedTuple

from model.checkpoints.checkpoint import checkpoint_problem
from model.checkpoints.train_state import Position, TrainState, load_state, set_aside, state_folders
from model.errors import ModelError
from model.run_files import METRICS_LOG, read_checkpoint_card


class FoundState(NamedTuple):
    """The state to resume from (None: the run is new), and the later states that were passed over, with the reason."""

    state: TrainState | None
    passed: dict[int, str]
    remarks: list[str]

    def set_passed_aside(self, run: Path) -> list[str]:
        """Rename the states that were passed over, so that no run resumes from them; return remarks about all."""
        lines = []
        for step, why in self.passed.items():
            aside = set_aside(run, step, "damaged")
            lines.append(f"passed over the state of step {step}, now {aside}: {_short(why)}")
        return [*lines, *self.remarks]


NEW = FoundState(None, {}, [])


def refers_to_checkpoint(at: Position) -> bool:
    """Return whether a run at this position has saved a checkpoint."""
    return at.best is not None or at.best_step > 0


def find_state(run: Path) -> FoundState:
    """Return the latest state that is whole and whose checkpoint is there. Changes nothing.

    A checkpoint that is missing or damaged is no obstacle if the state's own weights are those of the checkpoint.

    Raises ModelError if the run has states, but none of them can be resumed from; the message says why for each.
    """
    folders = state_folders(run)
    passed: dict[int, str] = {}
    lost = checkpoint_problem(run) if folders else None
    kept = None if lost is not None or not folders else int(read_checkpoint_card(run)["step"])
    for folder in folders:
        step = int(folder.name.removeprefix("step-"))
        try:
            state = load_state(folder)
        except ModelError as error:
            passed[step] = str(error)
            continue
        if (why := _lacks(state.position, lost, kept)) is None:
            remarks = [] if (run / METRICS_LOG).exists() else [f"{run / METRICS_LOG} is gone; a new one begins here"]
            return FoundState(state, passed, remarks)
        passed[step] = why
    if not passed:
        return NEW
    if len(passed) == 1:
        [why] = passed.values()
        raise ModelError(f"{why}; {run} has no earlier state to resume from; --overwrite starts anew")
    listed = "".join(f"\n  step {step}: {_short(why)}" for step, why in passed.items())
    raise ModelError(f"{run} cannot be resumed from any of its states, so start over with --overwrite:{listed}")


def _lacks(at: Position, lost: str | None, kept: int | None) -> str | None:
    """Return why a state's checkpoint cannot be used; None if it can, is not needed, or can be written again."""
    if not refers_to_checkpoint(at) or at.step == at.best_step:
        return None
    if lost is not None:
        return f"its best weights, of step {at.best_step}, are lost: {lost}"
    if kept is not None and kept < at.best_step:
        return f"its best weights, of step {at.best_step}, are lost: the checkpoint is of step {kept}"
    return None


def _short(why: str) -> str:
    """Return a message about a state without its remedy."""
    return why.partition("; remove ")[0]
