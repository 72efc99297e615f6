"""Resolves paths in flow parameters against the project's root, independently of a worker's working directory.

The command line resolves its arguments against the user's working directory before it calls a flow.
"""

import os
import shutil
import sys
from pathlib import Path

from entityclip.contract.locations import is_url
from model.settings.schema import LOCAL_DIR
from pipeline.errors import PipelineError
from pipeline.manifest.manifest import load_manifest

_INSTALLED = Path(__file__).resolve().parents[1]  # the checkout, or site-packages
_IS_CHECKOUT = (_INSTALLED / "pyproject.toml").is_file()
# Without a checkout, the project is the working directory.
PROJECT = _INSTALLED if _IS_CHECKOUT else Path.cwd()
MANIFESTS = PROJECT / "data_manifests"
_PATH_SETTINGS = ("data.explanations", "data.image_root")
_PLACEHOLDER = "entityclip generate MANIFEST"


def in_project(path: Path | str) -> Path:
    """Return the absolute path; a relative path is resolved against the project's root."""
    return (PROJECT / Path(path).expanduser()).resolve()


def location_in_project(location: Path | str) -> Path | str:
    """Return a URL unchanged, and resolve a path as `in_project` does."""
    return str(location) if is_url(str(location)) else in_project(location)


def copy_shipped_manifests() -> None:
    """Copy the shipped manifests and models into the working directory, unless running from a source checkout.

    Existing files are kept, so that users can change their copies.
    """
    shipped = _INSTALLED / "entityclip" / "data_manifests"
    if _IS_CHECKOUT or MANIFESTS.exists():
        return
    print(f"copying the shipped manifests to {MANIFESTS}", file=sys.stderr, flush=True)
    temporary = MANIFESTS.with_name(".data_manifests.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.copytree(shipped, temporary)
    temporary.rename(MANIFESTS)


def shipped_manifest(name: Path) -> Path:
    """Return the path of a shipped manifest, given its name (such as `n24news`); return any other path unchanged."""
    shipped = MANIFESTS / f"{name}.yaml"
    if len(name.parts) != 1 or name.suffix or name.exists() or name.is_absolute():
        return name
    copy_shipped_manifests()
    return Path(os.path.relpath(shipped)) if shipped.is_file() else name


def enter_project() -> dict[str, str]:
    """Change the working directory to the project on the worker. The pull step in prefect.yaml calls this."""
    os.chdir(PROJECT)
    return {"directory": str(PROJECT)}


def absolute_overrides(overrides: list[str], folder: Path = PROJECT) -> list[str]:
    """Return training overrides with relative paths made absolute by resolving them against `folder`."""
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
    """Replace the word MANIFEST in a message with the path of the project's manifest that writes to `explanations`."""
    if _PLACEHOLDER not in message:
        return message
    for path in sorted(MANIFESTS.glob("*.yaml")):
        try:
            manifest = load_manifest(path)
        except PipelineError:
            continue
        if manifest.output_location == explanations:
            return message.replace(_PLACEHOLDER, f"entityclip generate {path.relative_to(PROJECT)}")
    return message
