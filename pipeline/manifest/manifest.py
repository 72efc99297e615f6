"""The manifest: a YAML file that describes a reproducible generation run."""

import hashlib
from pathlib import Path
from typing import Self

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from entityclip.contract.errors import ContractError
from entityclip.contract.locations import is_url
from entityclip.contract.settings_errors import explain
from entityclip.contract.yaml_file import load_yaml
from pipeline.errors import PipelineError
from pipeline.files.locations import fixed_folder
from pipeline.manifest.datasets import CsvDataset, Dataset, JsonlDataset, OwnDataset, Strict, WebDataset
from pipeline.manifest.generation import Generation


class Manifest(Strict):
    """A dataset and how its explanations are generated."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", description="the dataset's name, written into every shard")
    dataset: Dataset
    generation: Generation
    output: str = Field(description="folder for the shards, relative to the manifest, or a URL such as s3://bucket/x")
    work: Path | None = Field(
        default=None,
        description="local folder for plan and spool, relative to the manifest; null: the output folder, or, if "
        "the output is a URL, `.work/NAME-DIGEST` next to the manifest",
    )
    num_shards: int = Field(default=16, ge=1, le=99_999, description="shards per split; cannot be changed later")
    check_images: bool = Field(default=True, description="whether to send only rows whose image is usable")

    _folder: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _only_checked_images_are_sent(self) -> Self:
        if self.generation.send_image and not self.check_images:
            raise ValueError("generation.send_image requires check_images, so that only usable images are sent")
        return self

    def resolve(self, path: Path) -> Path:
        """Return the absolute path; a relative path is resolved against the manifest's folder.

        Raises:
            PipelineError: `path` is not valid on this system.
        """
        try:
            absolute = (self._folder / path).resolve()
            absolute.exists()  # raises if a name is too long
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: a cycle of symlinks
            raise PipelineError(f"{str(path)[:100]!r} is not a valid path: {error}"[:400]) from error
        return absolute

    @property
    def folder(self) -> Path:
        """The folder of the manifest file."""
        return self._folder

    @property
    def image_root(self) -> Path:
        """The local folder that the dataset's image paths are relative to.

        Images stored in the data files or below a URL are extracted or downloaded to this folder.
        """
        if not isinstance(self.dataset, OwnDataset):
            folders = [self.resolve(folder) for folder in self.dataset.image_folders]
            return next((folder for folder in folders if folder.is_dir()), folders[0])
        if (root := self.dataset_root) is None or is_url(root):
            return self.resolve(self.dataset.images or Path(".work") / f"{self.name}-images")
        return Path(root)

    @property
    def dataset_root(self) -> str | None:
        """The root of the image paths in users' own data: an absolute folder or URL; None for images in the files."""
        dataset = self.dataset
        if not isinstance(dataset, OwnDataset) or isinstance(dataset, WebDataset):
            return None
        root = dataset.root
        if root is None and isinstance(dataset, JsonlDataset | CsvDataset):
            root = fixed_folder(dataset.file)
        return root if root is None or is_url(root) else str(self.resolve(Path(root)))

    @property
    def output_location(self) -> Path | str:
        """The location of the explanation shards: an absolute folder, or a URL."""
        return self.output if is_url(self.output) else self.resolve(Path(self.output))

    @property
    def work_folder(self) -> Path:
        """The absolute path of the local folder for the plan, spool, lock and server log."""
        digest = hashlib.sha256(self.output.encode()).hexdigest()[:8]
        default = f".work/{self.name}-{digest}" if is_url(self.output) else self.output
        return self.resolve(self.work or Path(default))


def load_manifest(path: Path | str) -> Manifest:
    """Read and validate a manifest.

    Raises:
        PipelineError: there is no such file, the file is not YAML, or a key is unknown, missing or invalid.
    """
    path = Path(path)
    if not path.is_file():
        raise PipelineError(f"no manifest at {path}")
    try:
        content = load_yaml(path)
    except ContractError as error:
        raise PipelineError(f"{path}: {error}") from error
    if not isinstance(content, dict):
        raise PipelineError(f"{path}: expected a mapping with the keys {', '.join(Manifest.model_fields)}")
    try:
        manifest = Manifest.model_validate(content)
    except ValidationError as error:
        errors = [f"  {key}: {message}" for key, message in explain(error, Manifest, show_values=False)]
        raise PipelineError("\n".join([f"{path}:", *errors])) from error
    manifest._folder = path.resolve().parent
    return manifest
