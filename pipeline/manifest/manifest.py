"""The manifest: one YAML file that describes one reproducible generation run."""

import hashlib
from pathlib import Path
from typing import Any, Self

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from entityclip.contract.errors import ContractError
from entityclip.contract.locations import is_url
from entityclip.contract.yaml_file import load_yaml
from pipeline.errors import PipelineError
from pipeline.files.locations import fixed_folder
from pipeline.manifest.datasets import CsvDataset, Dataset, JsonlDataset, OwnDataset, Strict, WebDataset
from pipeline.manifest.errors import explain
from pipeline.manifest.generation import Generation


class Manifest(Strict):
    """One dataset and how its explanations are generated."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", description="the dataset's name, written into every shard")
    dataset: Dataset
    generation: Generation
    output: str = Field(
        description="where the explanation shards go: a folder relative to the manifest, or a URL such as s3://bucket/x"
    )
    work: Path | None = Field(
        default=None,
        description="local folder of plan, spool and lock, relative to the manifest; by default the output folder, or "
        "`.work/NAME-DIGEST` beside the manifest where the output is a URL",
    )
    num_shards: int = Field(default=16, ge=1, le=99_999, description="shards per split; keep it once chosen")
    check_images: bool = Field(default=True, description="decode each image first; a bad one costs no LLM tokens")

    _folder: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _only_checked_images_are_sent(self) -> Self:
        if self.generation.send_image and not self.check_images:
            raise ValueError("generation.send_image needs check_images: only pictures that can be decoded are sent")
        return self

    def resolve(self, path: Path) -> Path:
        """A path of this manifest made absolute: relative ones start at the manifest's own folder.

        Raises:
            PipelineError: it can be no path on this system.
        """
        try:
            whole = (self._folder / path).resolve()
            whole.exists()  # raises where a name is too long
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: links that go round in a circle
            raise PipelineError(f"{str(path)[:100]!r} can be no path: {error}"[:400]) from error
        return whole

    def with_changes(self, changes: dict[str, Any]) -> "Manifest":
        """A copy with other values in some fields; paths still resolve against the same folder."""
        changed = self.model_copy(update=changes)
        changed._folder = self._folder
        return changed

    @property
    def folder(self) -> Path:
        """The folder the manifest lies in."""
        return self._folder

    @property
    def image_root(self) -> Path:
        """The local folder under which every image path of the dataset lies.

        It is the dataset's own, or, for images that lie inside the files or below a URL, where they are put.
        """
        if not isinstance(self.dataset, OwnDataset):
            return self.resolve(self.dataset.image_folder)
        if (root := self.dataset_root) is None or is_url(root):
            return self.resolve(self.dataset.images or Path(".work") / f"{self.name}-images")
        return Path(root)

    @property
    def dataset_root(self) -> str | None:
        """Where the image paths of anybody's own data start: an absolute folder, a URL, or None for images inside."""
        dataset = self.dataset
        if not isinstance(dataset, OwnDataset) or isinstance(dataset, WebDataset):
            return None
        root = dataset.root
        if root is None and isinstance(dataset, JsonlDataset | CsvDataset):
            root = fixed_folder(dataset.file)
        return root if root is None or is_url(root) else str(self.resolve(Path(root)))

    @property
    def output_location(self) -> Path | str:
        """Where the explanation shards go: an absolute folder, or a URL."""
        return self.output if is_url(self.output) else self.resolve(Path(self.output))

    @property
    def work_folder(self) -> Path:
        """The absolute local folder of plan, spool, lock and server log."""
        if self.work is not None:
            return self.resolve(self.work)
        if not is_url(self.output):
            return self.resolve(Path(self.output))
        return self.resolve(Path(".work") / f"{self.name}-{hashlib.sha256(self.output.encode()).hexdigest()[:8]}")


def load_manifest(path: Path) -> Manifest:
    """Read and validate a manifest.

    Raises:
        PipelineError: there is no such file, it is not YAML, or a key is unknown, missing or wrong.
    """
    if not path.is_file():
        raise PipelineError(f"no manifest at {path}")
    try:
        content = load_yaml(path)
    except ContractError as error:
        raise PipelineError(f"{path}: {error}") from error
    if not isinstance(content, dict):
        raise PipelineError(f"{path}: a manifest is a mapping with the keys {', '.join(Manifest.model_fields)}")
    try:
        manifest = Manifest.model_validate(content)
    except ValidationError as error:
        raise PipelineError(f"{path}:\n" + "\n".join(explain(error, Manifest))) from error
    manifest._folder = path.resolve().parent
    return manifest
