"""The manifest's `dataset` section: one pydantic model per kind."""

import codecs
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipeline.worlds.heraldry.settings import WorldSettings

UTF8 = "utf-8"


class Strict(BaseModel):
    """A section of a manifest; it is immutable and rejects unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class HeraldryDataset(Strict):
    """The demo world; it is rendered into `root` if it does not exist there yet."""

    kind: Literal["heraldry"]
    root: Path = Field(description="folder of the rendered world, relative to the manifest")
    world: WorldSettings = Field(default_factory=WorldSettings, description="seed and sizes of the world")

    @property
    def image_folders(self) -> tuple[Path, ...]:
        """The image root, relative to the manifest."""
        return (self.root / "images",)


class _NewsDataset(Strict):
    root: Path = Field(description="folder of the published files, relative to the manifest")
    images: Path | None = Field(default=None, description="image root, relative to the manifest; null: published path")

    _published: ClassVar[tuple[str, ...]]

    @property
    def image_folders(self) -> tuple[Path, ...]:
        """The folders that may be the image root, relative to the manifest; the first that exists is."""
        return (self.images,) if self.images is not None else tuple(self.root / name for name in self._published)


class N24NewsDataset(_NewsDataset):
    """N24News as published: `news/nytimes_{train,dev,test}.json`, with images `imgs/{image_id}.jpg`.

    Or as one file, `nytimes_dataset.json`, with images in `images/`. It has no splits: a hash of `article_url` assigns
    1 article in 10 to `val` and 1 in 10 to `test`.
    """

    kind: Literal["n24news"]
    _published = ("imgs", "images")


class VisualNewsDataset(_NewsDataset):
    """VisualNews: `data.json`, or the authors' `{train,val,test}.json`, with images at the paths in these files.

    `data.json` has no splits: a hash of `article_path` assigns 1 article in 100 to `val` and 1 in 100 to `test`. The
    files may also be in the folder `origin` of `root`.
    """

    kind: Literal["visualnews"]
    _published = ("origin", ".")


class GoodNewsDataset(_NewsDataset):
    """GoodNews: `captioning_dataset.json` with `img_splits.json`, or the authors' `new_goodnews_capim_{split}.json`.

    Images are `images/{article_id}_{n}.jpg`; those listed in `broken_images.txt`, if it exists, are skipped.
    """

    kind: Literal["goodnews"]
    _published = ("images", "resized")


_Column = Annotated[str, Field(min_length=1)] | None


class Columns(Strict):
    """Column names in the data; columns not set here are recognised by their usual names (docs/your_data.md)."""

    id: _Column = Field(default=None, description="column with the ids; set it to null explicitly to generate ids")
    caption: _Column = Field(default=None, description="column with the captions, each a text or a list of texts")
    image: _Column = Field(default=None, description="column with the images, each a path, bytes, or a list of these")
    split: _Column = Field(default=None, description="column with the splits")
    topic: _Column = Field(default=None, description="column with the topics")


Location = Annotated[str, Field(min_length=1, max_length=4096)]
Locations = Location | tuple[Location, ...]


def _image_root(null: str) -> Any:
    return Field(
        default=None,
        description=f"folder (relative to the manifest) or URL that image paths are relative to; null: {null}",
    )


class OwnDataset(Strict):
    """Fields shared by all kinds of datasets for users' own data."""

    held_out: int = Field(
        default=1,
        ge=1,
        le=40,
        description="percentage of the images assigned to val, and also the percentage assigned to test, by a hash "
        "of the image; used only if the data has no splits, or with `ignore_splits`",
    )
    ignore_splits: bool = Field(
        default=False,
        description="assign splits by `held_out` even if a column, the file names or the folders name splits",
    )
    rename_splits: dict[str, Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]] = Field(
        default={},
        description='what to take the data\'s splits for, by the name in the data: `{restval: train, "0": train}`; '
        "`validation`, `valid` and `dev` are val without it, `training` train, `testing` test",
    )
    encoding: str | None = Field(
        default=None,
        description="encoding of the text in the data, such as cp1252; null: UTF-8, or UTF-16 or UTF-32 if a byte "
        "order mark says so, and an error if the text is in neither; utf-8: no error, and other bytes are damage",
    )
    images: Path | None = Field(
        default=None,
        description="local folder, relative to the manifest, for copies of images that are stored in the data files or "
        "below a URL; null: `.work/NAME-images` next to the manifest",
    )

    @field_validator("encoding", mode="after")
    @classmethod
    def _known(cls, encoding: str | None) -> str | None:
        """Return Python's name of the encoding, such as `utf-8` for `UTF8`."""
        if encoding is None:
            return None
        try:
            name = codecs.lookup(encoding).name
            b"x".decode(name, "replace")  # raises for codecs such as base64, which decode no text
        except (LookupError, ValueError) as error:
            raise ValueError(
                f"{encoding[:40]!r} is not an encoding that Python knows; usual ones are utf-8, utf-16, cp1252, "
                "latin-1, cp1251, gb18030 and shift_jis"
            ) from error
        return UTF8 if name in ("ascii", "utf-8-sig") else name


class _Files(OwnDataset):
    file: Locations | dict[str, Locations] = Field(
        description="file, URL or pattern (`*`, `**`, `{a,b}`, `{000..127}`), a list of these, or a mapping from "
        "splits to these; paths are relative to the manifest, and .gz files are decompressed while they are read"
    )
    columns: Columns = Field(default_factory=Columns, description="column names; `a.b` is field `b` of column `a`")


class _FilesWithPaths(_Files):
    root: Location | None = _image_root("the part of `file` before the first component with a pattern")


class JsonlDataset(_FilesWithPaths):
    """JSON lines: one object per line; or one list of objects."""

    kind: Literal["jsonl"]


class CsvDataset(_FilesWithPaths):
    """CSV or TSV, with the column names in the first line."""

    kind: Literal["csv", "tsv"]
    header: tuple[str, ...] | None = Field(default=None, description="column names, for files without a header line")
    delimiter: str | None = Field(
        default=None,
        min_length=1,
        max_length=1,
        description="field delimiter; null: comma in csv and tab in tsv, or else comma, semicolon, bar or tab, with "
        "which the first line has usual or given column names",
    )
    quotes: bool | None = Field(
        default=None,
        description='whether fields in "..." may contain delimiters and line breaks; null: true in csv, false in tsv',
    )


class ParquetDataset(_Files):
    """Parquet: images as bytes, as structs of bytes and path (Hugging Face's format), or as paths."""

    kind: Literal["parquet"]
    root: Location | None = _image_root("the images are inside the files")


class FolderDataset(OwnDataset):
    """A folder of images, each with a text file of the same name next to it."""

    kind: Literal["folder"]
    root: Location = Field(description="folder or URL of the images and text files, relative to the manifest")
    sidecar: str = Field(default=".txt", pattern=r"^\.[A-Za-z0-9_.]+$", description="suffix of the text files")
    captions: Literal["lines", "whole"] = Field(
        default="lines", description="lines: each line of a text file is a caption; whole: the file is one caption"
    )


class WebDataset(_Files):
    """WebDataset tars: members with the same name up to the first dot (`0001.jpg`, `0001.txt`) form a pair."""

    kind: Literal["webdataset"]


class HuggingFaceDataset(OwnDataset):
    """A Hugging Face dataset; needs the package `datasets` (`pip install -c constraints.txt 'entityclip[hf]'`)."""

    kind: Literal["huggingface"]
    path: Location = Field(
        description="folder written by `save_to_disk` or readable by `load_dataset`, relative to the manifest; or the "
        "name of a dataset on the hub"
    )
    config: str | None = Field(default=None, description="name of the configuration, if the dataset has several")
    revision: str | None = Field(default=None, description="commit or tag; required for a dataset on the hub")
    splits: tuple[str, ...] | None = Field(default=None, description="splits to read; null: all")
    columns: Columns = Field(default_factory=Columns, description="column names; `a.b` is field `b` of column `a`")
    root: Location | None = _image_root("the images are inside the dataset, or files below `path`")


AnyOwnDataset = JsonlDataset | CsvDataset | ParquetDataset | FolderDataset | WebDataset | HuggingFaceDataset
Dataset = Annotated[
    HeraldryDataset | N24NewsDataset | VisualNewsDataset | GoodNewsDataset | AnyOwnDataset,
    Field(discriminator="kind"),
]
