"""Checkpoints in safetensors and JSON, written atomically; the towers load as a plain CLIP.

`RUN/checkpoint/model.safetensors` holds every parameter, `towers.safetensors` only those of the towers, under
open_clip's names, and `checkpoint.json` (the card) describes the model and method. If training started from a model
folder, `towers/` holds a copy of its configuration and tokenizer, so that the model folder is no longer needed. A
relative `local-dir:` path in the card is relative to `RUN/checkpoint`, so that a run can be moved.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from entityclip.contract.atomic_files import folder_written_whole, write_json
from entityclip.contract.digests import digest
from model.clip.folder import TowersFolder, save_tensors
from model.clip.towers import Towers, load_towers, load_weights_into
from model.errors import ModelError
from model.method.entityclip import EntityCLIP
from model.run_files import (
    BASE,
    CARD,
    CHECKPOINT,
    CHECKPOINT_VERSION,
    CONFIG,
    MODEL,
    TOWERS,
    check_model,
    read_checkpoint_card,
)
from model.settings.schema import LOCAL_DIR, MethodSettings, TowerSettings


def save_checkpoint(
    run: Path,
    model: EntityCLIP,
    towers: TowerSettings,
    *,
    step: int,
    validation: dict[str, Any] | None,
    origin: dict[str, Any] | None = None,
    trained_with: dict[str, Any] | None = None,
    base: TowersFolder | None = None,
) -> None:
    """Write `run/checkpoint`, replacing an existing checkpoint once the new one is complete.

    Args:
        towers: settings of the towers that training started from.
        origin: where imported weights came from.
        trained_with: settings, seed, code version and shards used for training.
        base: configuration and tokenizer of the model folder that training started from; they are saved too.
    """
    with folder_written_whole(run / CHECKPOINT) as folder:
        save_tensors(model.state_dict(), folder / MODEL)
        save_tensors(model.clip.state_dict(), folder / TOWERS)
        began_from = towers
        if base is not None:
            (folder / BASE).mkdir()
            base.write(folder / BASE)
            towers = TowerSettings(model=f"{LOCAL_DIR}{BASE}")
        card = {
            "format_version": CHECKPOINT_VERSION,
            "step": step,
            "validation": validation,
            "origin": origin,
            "towers": towers.model_dump(mode="json"),
            "began_from": began_from.model_dump(mode="json"),
            "trained_with": trained_with,
            "method": model.method.model_dump(mode="json"),
            "sha256": {name: digest(folder / name) for name in (MODEL, TOWERS)},
        }
        write_json(folder / CARD, card)


def checkpoint_problem(run: Path) -> str | None:
    """Return why a run's checkpoint is not there or not whole; None if all of it is as it was saved."""
    folder = run / CHECKPOINT
    try:
        card = read_checkpoint_card(run)
        for name, sha256 in card["sha256"].items():
            if not (folder / name).is_file():
                return f"{folder / name} is missing"
            if digest(folder / name) != sha256:
                return f"{folder / name} has changed since it was saved"
        if card["towers"]["model"].startswith(LOCAL_DIR) and not (folder / BASE / CONFIG).is_file():
            return f"{folder / BASE / CONFIG} is missing"
    except ModelError as error:
        return str(error).partition(";")[0]
    except OSError as error:
        return f"{folder} cannot be read ({error})"
    return None


def load_trained_towers(run: Path) -> Towers:
    """Load the trained CLIP, its transform and its tokenizer, without MMAE and GI-ITM.

    Raises ModelError if the checkpoint is absent, damaged, or does not fit the model named in its card.
    """
    read_checkpoint_card(run)
    return load_towers(TowerSettings(model=f"{LOCAL_DIR}{run.resolve()}"))


def load_entityclip(run: Path | str) -> tuple[EntityCLIP, Towers]:
    """Load the whole trained model, for analysis or more training. Raises ModelError as `load_trained_towers` does."""
    run = Path(run)
    card = read_checkpoint_card(run)
    try:
        of_towers, method = TowerSettings.model_validate(card["towers"]), MethodSettings.model_validate(card["method"])
    except ValidationError as error:
        raise ModelError(f"{run / CHECKPOINT / CARD} cannot be used: {error}; train or import the run again") from error
    towers = load_towers(of_towers, load_weights=False)
    model = EntityCLIP(towers.clip, method)
    load_weights_into(model, run / CHECKPOINT / MODEL)
    return model, towers


def load_clip(folder: Path | str) -> Towers:
    """Load the towers of a run folder, its checkpoint folder, or an export (any open_clip model folder).

    Raises ModelError if the folder is none of these, or if it is damaged.
    """
    folder = Path(folder)
    check_model(folder)
    return load_towers(TowerSettings(model=f"{LOCAL_DIR}{folder.resolve()}"))


def model_digest(towers: Towers) -> str:
    """Return the SHA-256 of what determines embeddings: named weights, preprocessing and tokens of sample texts."""
    clip: Any = towers.clip
    found = hashlib.sha256(json.dumps(dict(clip.visual.preprocess_cfg), sort_keys=True).encode())
    found.update(towers.tokenizer(["", "Queen Elizabeth II visits Ascot"]).numpy().tobytes())
    for name, tensor in sorted(clip.state_dict().items()):
        found.update(f"{name} {tuple(tensor.shape)}".encode())
        found.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
    return found.hexdigest()
