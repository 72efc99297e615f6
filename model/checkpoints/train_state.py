"""Training states in safetensors and JSON. A run resumed from a state gives the same results as an uninterrupted run.

`RUN/state/step-00000120/` holds `model.safetensors`, `optimizer.safetensors` (tensors named STATE/PARAMETER),
`random.safetensors` (torch's generators) and `state.json`: the position, the states of Python's and numpy's
generators, the unusable images, and the run's settings, data and code version. `state.json.sha256` is
its digest. Learning rate, batch order and hard negatives depend only on the settings and the step, so they are not
saved.
"""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.optim import Optimizer

from entityclip.contract.atomic_files import folder_written_whole, remove_whole, write_json
from entityclip.contract.digests import digest
from model import record_shapes
from model.clip.folder import save_tensors
from model.errors import ModelError
from model.rng import (
    plain_random_state,
    random_state_problem,
    random_tensors,
    restore_plain_random_state,
    restore_random_tensors,
)
from model.run_files import STATE, read_record

_NAME = re.compile(r"step-[0-9]{1,12}")

FORMAT_VERSION = 1
CARD, CARD_DIGEST = "state.json", "state.json.sha256"
MODEL, OPTIMIZER, RANDOM = "model.safetensors", "optimizer.safetensors", "random.safetensors"


@dataclass
class Position:
    """Progress of a run."""

    step: int = 0  # completed optimiser steps
    batches: int = 0  # batches drawn; exceeds `step` if some had fewer than two usable images
    validated: bool = False  # whether the validation due after this step is done
    best_step: int = 0
    best: dict[str, Any] | None = None  # validation metrics of the best checkpoint
    samples: int = 0
    step_seconds: float = 0.0  # time spent in steps; like `seconds`, not reproducible
    seconds: float = 0.0


class TrainState(NamedTuple):
    """A saved training state, loaded with its tensors."""

    folder: Path
    position: Position
    failures: dict[str, dict[str, str]]  # by use ("train", "val") and row id: why the image is unusable
    rows: dict[str, int]  # number of usable rows at the start, by use
    origin: dict[str, Any]  # see `model.tracking.run_log.describe_origin`
    random: dict[str, Any]
    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    random_tensors: dict[str, Tensor]
    anchors: str | None = None  # SHA-256 of the run's anchors; None: it has none, or an older version saved it

    def restore(self, model: nn.Module, optimizer: Optimizer, device: torch.device) -> None:
        """Restore weights, optimiser and random generators. Raises ModelError if the state does not fit the model."""
        try:
            model.load_state_dict(self.model)
            _load_optimizer(self.optimizer, model, optimizer)
            restore_random_tensors(self.random_tensors, device)
        except (RuntimeError, KeyError, ValueError, TypeError) as error:
            raise ModelError(
                f"the state in {self.folder} does not fit the configured model: {error}; {_remedy(self.folder)}"
            ) from error
        restore_plain_random_state(self.random)


def save_state(
    run: Path, at: Position, record: dict[str, Any], model: nn.Module, optimizer: Optimizer, device: torch.device
) -> Path:
    """Write a training state atomically; return its folder. `record`: TrainState's other fields."""
    target = run / STATE / f"step-{at.step:08d}"
    with folder_written_whole(target) as folder:
        save_tensors(model.state_dict(), folder / MODEL)
        save_tensors(_optimizer_tensors(model, optimizer), folder / OPTIMIZER)
        save_tensors(random_tensors(device), folder / RANDOM)
        card = {
            "format_version": FORMAT_VERSION,
            "position": asdict(at),
            **record,
            "random": plain_random_state(),
            "sha256": {name: digest(folder / name) for name in (MODEL, OPTIMIZER, RANDOM)},
        }
        write_json(folder / CARD, card)
        (folder / CARD_DIGEST).write_text(digest(folder / CARD), encoding="utf-8")
    return target


def keep_last(run: Path, count: int) -> None:
    """Remove all saved states except the last `count`."""
    for old in state_folders(run)[count:]:
        remove_whole(old)


def saved_steps(run: Path) -> list[int]:
    """Return the steps with a saved state, latest first."""
    return [_step(folder) for folder in state_folders(run)]


def set_aside(run: Path, step: int, why: str = "spoiled") -> Path | None:
    """Rename a step's state so that no run resumes from it; return the new path, or None if the step has no state."""
    folder = run / STATE / f"step-{step:08d}"
    if not folder.exists():
        return None
    aside = folder.with_name(f"{why}-{folder.name}")
    remove_whole(aside)
    return folder.rename(aside)


def load_state(folder: Path) -> TrainState:
    """Load a saved state. Raises ModelError if any of its files is missing, damaged or in another format."""
    card = _read_card(folder)
    if why := random_state_problem(card["random"]):
        raise ModelError(f"{folder / CARD} has no valid state of the random generators ({why}); {_remedy(folder)}")
    tensors = {}
    for name, sha256 in card["sha256"].items():
        try:
            if digest(folder / name) != sha256:
                raise ModelError(f"{folder / name} has changed since it was saved; {_remedy(folder)}")
            tensors[name] = load_file(folder / name)
        except (OSError, SafetensorError) as error:
            raise ModelError(f"{folder / name} cannot be read: {error}; {_remedy(folder)}") from error
    try:
        state = TrainState(
            folder=folder,
            position=Position(**card["position"]),
            failures=card["failures"],
            rows=card["rows"],
            origin=card["origin"],
            random=card["random"],
            model=tensors[MODEL],
            optimizer=tensors[OPTIMIZER],
            random_tensors=tensors[RANDOM],
            anchors=card.get("anchors"),
        )
    except (KeyError, TypeError) as error:
        raise ModelError(f"{folder / CARD} is incomplete ({error}); {_remedy(folder)}") from error
    if (step := state.position.step) != _step(folder):
        raise ModelError(f"{folder / CARD} is of step {step}, not of the step in its folder's name; {_remedy(folder)}")
    return state


def newest_origin(run: Path) -> dict[str, Any] | None:
    """Return the `origin` of the latest state whose card can be read; None if there is no state.

    Raises ModelError if no state's card can be read.
    """
    folders = state_folders(run)
    for folder in folders:
        try:
            return dict(_read_card(folder)["origin"])
        except ModelError:
            if folder == folders[-1]:
                raise
    return None


def state_folders(run: Path) -> list[Path]:
    """Return the folders of saved states, latest first; other names are none of ours."""
    return sorted((path for path in (run / STATE).glob("step-*") if _NAME.fullmatch(path.name)), reverse=True)


def _step(folder: Path) -> int:
    return int(folder.name.removeprefix("step-"))


def _read_card(folder: Path) -> dict[str, Any]:
    card = read_record(folder / CARD, FORMAT_VERSION, _remedy(folder), record_shapes.STATE)
    recorded = folder / CARD_DIGEST  # states of older versions have none
    try:
        if recorded.exists() and recorded.read_text(encoding="utf-8", errors="replace") != digest(folder / CARD):
            raise ModelError(f"{folder / CARD} has changed since it was saved; {_remedy(folder)}")
    except OSError as error:
        raise ModelError(f"{recorded} cannot be read: {error}; {_remedy(folder)}") from error
    return card


def _remedy(folder: Path) -> str:
    return f"remove {folder} to resume from an earlier state, or start over with --overwrite"


def _optimizer_tensors(model: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
    return {
        f"{kind}/{name}": value
        for name, parameter in model.named_parameters()
        for kind, value in optimizer.state.get(parameter, {}).items()
    }


def _load_optimizer(tensors: dict[str, Tensor], model: nn.Module, optimizer: Optimizer) -> None:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    numbers = {names[id(parameter)]: number for number, parameter in enumerate(parameters)}
    states: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        kind, name = key.split("/", 1)
        states.setdefault(numbers[name], {})[kind] = tensor
    optimizer.load_state_dict(optimizer.state_dict() | {"state": states})
