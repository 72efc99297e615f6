"""Paths in flow parameters: relative ones start at the project, wherever a worker happens to stand.

The command line resolves what a person types against their own working directory before it calls a flow.
"""

import os
from pathlib import Path

from entityclip.contract.locations import is_url
from model.settings.schema import LOCAL_DIR
from pipeline.errors import PipelineError
from pipeline.manifest.manifest import load_manifest

PROJECT = Path(__file__).resolve().parents[1]
_PATH_SETTINGS = ("data.explanations", "data.image_root")
_PLACEHOLDER = "entityclip generate MANIFEST"


def in_project(path: Path | str) -> Path:
    """An absolute path; a relative one starts at the project's root."""
    return (PROJECT / Path(path).expanduser()).resolve()


def location_in_project(location: Path | str) -> Path | str:
    """As `in_project`, but a URL stays as it is."""
    return str(location) if is_url(str(location)) else in_project(location)


def enter_project() -> dict[str, str]:
    """Pull step of every deployment (prefect.yaml): a worker runs the project that is installed where it runs."""
    os.chdir(PROJECT)
    return {"directory": str(PROJECT)}


def absolute_overrides(overrides: list[str], folder: Path = PROJECT) -> list[str]:
    """Training overrides whose relative paths start at a folder, made absolute."""
    return [_absolute(override, folder) for override in overrides]


def _absolute(override: str, folder: Path) -> str:
    key, _, value = override.partition("=")
    key, value = key.strip(), value.strip()
    if key == "towers.model" and value.startswith(LOCAL_DIR):
        return f"{key}={LOCAL_DIR}{(folder / value.removeprefix(LOCAL_DIR)).resolve()}"
    if key in _PATH_SETTINGS and value != "null" and not is_url(value):
        return f"{key}={(folder / value).resolve()}"
    return override


def naming_the_manifest(message: str, explanations: Path | str) -> str:
    """The message with the project's manifest that writes to this folder in the place of MANIFEST, if there is one."""
    if _PLACEHOLDER not in message:
        return message
    for path in sorted((PROJECT / "data_manifests").glob("*.yaml")):
        try:
            manifest = load_manifest(path)
        except PipelineError:
            continue
        if manifest.output_location == explanations:
            relative = path.relative_to(PROJECT)
            return message.replace(_PLACEHOLDER, f"entityclip generate {relative}")
    return message
