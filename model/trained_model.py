"""A trained model, whether a run or an export of one, and a digest that is the same for both."""

import hashlib
import json
from pathlib import Path
from typing import Any

from model.checkpoint import CARD, CHECKPOINT, load_trained_towers
from model.errors import ModelError
from model.open_clip_folder import CONFIG
from model.settings import LOCAL_DIR, TowerSettings
from model.towers import Towers, load_towers


def holds_model(folder: Path) -> bool:
    """Whether there is something in a folder that `load_trained_model` would try to load."""
    return any((folder / name).is_file() for name in (CARD, f"{CHECKPOINT}/{CARD}", CONFIG))


def load_trained_model(folder: Path) -> Towers:
    """The towers of a run folder, its checkpoint folder, or an export (any open_clip model folder).

    Raises ModelError: none of these, or damaged.
    """
    if (folder / CARD).is_file():
        folder = folder.resolve().parent
    if (folder / CONFIG).is_file():
        return load_towers(TowerSettings(model=f"{LOCAL_DIR}{folder.resolve()}"))
    if not folder.is_dir():
        raise ModelError(f"no model at {folder}; name the folder of a run or of an export")
    return load_trained_towers(folder)


def model_digest(towers: Towers) -> str:
    """SHA-256 of what decides an embedding: weights with their names, preprocessing, and the tokens of some texts."""
    clip: Any = towers.clip
    found = hashlib.sha256(json.dumps(dict(clip.visual.preprocess_cfg), sort_keys=True).encode())
    found.update(towers.tokenizer(["", "Queen Elizabeth II visits Ascot"]).numpy().tobytes())
    for name, tensor in sorted(clip.state_dict().items()):
        found.update(f"{name} {tuple(tensor.shape)}".encode())
        found.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
    return found.hexdigest()
