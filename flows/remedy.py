"""Messages about explanations that name the very command that makes them good."""

from pathlib import Path

from flows.project_paths import PROJECT
from pipeline.errors import PipelineError
from pipeline.manifest import load_manifest

_PLACEHOLDER = "entityclip generate MANIFEST"


def naming_the_manifest(message: str, explanations: Path) -> str:
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
