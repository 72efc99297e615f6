"""Loads TrainSettings from a preset, a YAML file and dotted overrides."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from entityclip.contract.errors import ContractError
from entityclip.contract.locations import is_url
from entityclip.contract.settings_errors import explain
from entityclip.contract.yaml_file import load_yaml, parse_yaml
from model.errors import ModelError
from model.run_files import holds_model
from model.settings.schema import LOCAL_DIR, TrainSettings

PRESETS = Path(__file__).with_name("presets")


def load_settings(path: Path | str, overrides: Sequence[str] = ()) -> TrainSettings:
    """Read training settings; an override such as `optim.lr=1e-3` replaces one value (parsed as YAML).

    Values absent from the file come from its preset, or from the preset named by an override `preset=NAME`.

    Relative paths, including those after `local-dir:`, are relative to the file's folder or, in overrides, to the
    working directory. A URL for the explanations is kept as it is; its shards are copied when they are read
    (`model.data.remote_shards`).

    Raises ModelError, naming the file or override and the key, for an unreadable file, an unknown or duplicate key, an
    unknown preset, an invalid value, and a missing model folder.
    """
    path = Path(path)
    settings, changed = _load(path, overrides)
    if settings.towers.folder is not None:
        where = "override towers.model" if "towers.model" in changed else f"{path}: towers.model"
        _check_model_folder(settings.towers.folder, where)
    return settings


def load_run_settings(path: Path) -> TrainSettings:
    """Read the settings of a finished run, even if the model folder that it started from no longer exists.

    Raises ModelError as `load_settings` does, except for the model folder.
    """
    return _load(path, [], complete=True)[0]


def _load(path: Path, overrides: Sequence[str], *, complete: bool = False) -> tuple[TrainSettings, set[str]]:
    """Return the settings and the keys changed by overrides. The preset of a `complete` file is not applied."""
    values = _with_absolute_paths(_read(path), path.resolve().parent)
    changed: set[str] = set()
    changes: dict[str, Any] = {}
    for override in overrides:
        key, change = _parse(override)
        changed.add(key)
        changes = _overlay(changes, _with_absolute_paths(change, Path.cwd()))
    values = _overlay(values, changes)
    if (name := values.get("preset")) is not None and not complete:
        values = _overlay(preset(str(name)), values)
    try:
        return TrainSettings.model_validate(values), changed
    except ValidationError as error:
        raise ModelError(
            "\n".join(
                f"{f'override {key}' if key in changed else f'{path}: {key}'}: {message}"
                for key, message in explain(error, TrainSettings, show_values=True)
            )
        ) from error


def preset(name: str) -> dict[str, Any]:
    """Return the values of a preset, including those of its base. Raises ModelError for an unknown name."""
    path = PRESETS / f"{name}.yaml"
    if not path.is_file():
        raise ModelError(f"no preset {name!r}; presets: {', '.join(sorted(p.stem for p in PRESETS.glob('*.yaml')))}")
    values = _read(path)
    base = values.pop("preset", None)
    return values if base is None else _overlay(preset(base), values)


def _read(path: Path) -> dict[str, Any]:
    try:
        values = load_yaml(path)
    except ContractError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise ModelError(f"no training settings at {path}") from None
        raise ModelError(f"{path}: {error}") from error
    if not isinstance(values, dict):
        sections = ", ".join(TrainSettings.model_fields)
        raise ModelError(f"{path}: expected a mapping with the keys {sections}")
    if {"dataset", "generation"} <= values.keys():
        raise ModelError(f"{path} is a manifest, which `entityclip generate` reads; give a file of training settings")
    return values


def _parse(override: str) -> tuple[str, dict[str, Any]]:
    key, equals, text = override.partition("=")
    key = key.strip()
    if not equals or not all(key.split(".")):
        raise ModelError(f"override {override!r}: expected section.key=value, such as optim.lr=1e-3")
    try:
        value = parse_yaml(text)
    except ContractError as error:
        raise ModelError(f"override {override!r}: the value is {error}") from error
    for part in reversed(key.split(".")):
        value = {part: value}
    return key, value


def _merge(values: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    merged = dict(values)
    for key, value in change.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _overlay(values: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Merge `change` into `values`: steps replace epochs and vice versa; a model folder replaces a pretrained tag."""
    merged = _merge(values, change)
    optim, given = merged.get("optim"), change.get("optim")
    if isinstance(optim, dict) and isinstance(given, dict):
        for one, other in (("steps", "epochs"), ("epochs", "steps")):
            if given.get(one) is not None and given.get(other) is None:
                optim.pop(other, None)
    given = change.get("towers")
    if isinstance(given, dict) and str(given.get("model", "")).startswith(LOCAL_DIR) and "pretrained" not in given:
        merged["towers"].pop("pretrained", None)  # a model folder contains its own weights
    return merged


def _with_absolute_paths(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Make the paths in `values` absolute, in place, and return `values`."""
    data, towers = values.get("data"), values.get("towers")
    for key in ("explanations", "image_root"):
        if isinstance(data, dict) and isinstance(path := data.get(key), str) and not is_url(path):
            data[key] = str((folder / path).resolve())
    if isinstance(towers, dict) and isinstance(name := towers.get("model"), str) and name.startswith(LOCAL_DIR):
        towers["model"] = f"{LOCAL_DIR}{(folder / name.removeprefix(LOCAL_DIR)).resolve()}"
    return values


def _check_model_folder(folder: Path, where: str) -> None:
    if not folder.is_dir():
        siblings = [p.name for p in folder.parent.iterdir() if p.is_dir()] if folder.parent.is_dir() else []
        near = difflib.get_close_matches(folder.name, siblings, n=3)
        hint = f"; similar names in {folder.parent}: {', '.join(near)}" if near else ""
        raise ModelError(f"{where}: no model folder at {folder}{hint}")
    if not holds_model(folder):
        raise ModelError(
            f"{where}: {folder} is neither an open_clip model folder, as open_clip_config.json is missing, nor a run "
            "with a checkpoint"
        )
