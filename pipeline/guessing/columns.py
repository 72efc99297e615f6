"""Guesses the roles of a dataset's columns from their names or, if these are not conclusive, from their values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError
from pipeline.guessing.image_root import ImageRoot, find_image_root, missing_ending
from pipeline.guessing.names import is_image_name, is_usual_split, names_of, plain_name
from pipeline.images.store import stored_name
from pipeline.readers.columns import USUAL, Record
from pipeline.readers.encodings import decoded
from pipeline.readers.splits import split_name

_STRUCT = {"bytes", "path"}  # an image in Hugging Face's format
_INSIDE = "(images)"  # replaces the bytes of an embedded image
_SHORTEST_CAPTION = 1.5  # words on average


@dataclass
class Roles:
    """The columns for each role, such as the caption.

    Attributes:
        columns: entries for the manifest's `dataset.columns`; empty if the readers find all columns without them.
        found: column by role, for all roles that were found.
        root: the folder of the image paths; None if the images are inside the files.
        ignore_splits: whether a column has the usual name for splits but contains something else.
        reasons: one line for each guess, with the reason for it.
    """

    columns: dict[str, str | None] = field(default_factory=dict)
    found: dict[str, str] = field(default_factory=dict)
    root: Path | None = None
    ignore_splits: bool = False
    reasons: list[str] = field(default_factory=list)


class Peek:
    """The values of the first records by column; fields of nested objects have dotted names."""

    def __init__(self, records: list[Record]) -> None:
        self.where = records[0].where[0]
        self.rows = [dict(_flat(record.fields)) for record in records]
        self.names = list(dict.fromkeys(name for row in self.rows for name in row))

    def values(self, name: str) -> list[Any]:
        """Return the non-empty values of a column; a list is replaced by its first element."""
        found = [_first(row.get(name)) for row in self.rows]
        return [value for value in found if value not in (None, "")]

    def texts(self, name: str) -> list[str]:
        """Return the values of a column that are strings, without embedded images."""
        return [value for value in self.values(name) if isinstance(value, str) and value != _INSIDE]

    def usual(self, role: str) -> str | None:
        """Return the column that the readers would use for a role: the first usual name among the columns."""
        for name in USUAL[role]:
            if name in self.names:
                return name
        return None

    def other_names(self, role: str) -> list[str]:
        """Return the columns whose names suggest a role to people, but which the readers would not recognise."""
        wanted = names_of(role)
        named = [name for name in self.names if plain_name(name) in wanted and name not in USUAL[role]]
        return sorted(named, key=lambda name: wanted.index(plain_name(name)))

    def error(self, problem: str) -> PipelineError:
        """Return an error that names the file and its columns."""
        names = ", ".join(repr(name[:60]) for name in self.names[:30])
        return PipelineError(f"{self.where}: {problem}; the columns are {names}")


def _flat(fields: Mapping[str, Any], prefix: str = "", depth: int = 0) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in fields.items():
        if isinstance(value, dict) and not value.keys() <= _STRUCT and depth < 3:
            found += _flat(value, f"{prefix}{name}.", depth + 1)
        else:
            found.append((f"{prefix}{name}", _plain(value)))
    return found


def _plain(value: Any) -> Any:
    """Return a value with embedded images replaced by a placeholder and other bytes decoded as text."""
    if isinstance(value, list):
        return [_plain(one) for one in value[:3]]
    if isinstance(value, dict):
        return _INSIDE if value.get("bytes") else value.get("path")
    if isinstance(value, bytes):
        image = not stored_name(value).endswith(".img") or value[4:12] in (b"ftypavif", b"ftypavis")
        return _INSIDE if image else decoded(value[:100_000]).encode("utf-8", "replace").decode()
    return value


def _first(value: Any) -> Any:
    return (value[0] if value else None) if isinstance(value, list) else value


def guess_columns(records: list[Record], folder: Path, *, paths_are_possible: bool = True) -> Roles:
    """Guess the roles of the columns from the first records.

    Args:
        folder: the data's folder; images are searched for in it and next to it.
        paths_are_possible: whether the images may be files outside the data.

    Raises:
        PipelineError: no column contains images, or none contains captions.
    """
    peek, roles = Peek(records), Roles()
    _guess_image(peek, roles, folder, paths_are_possible)
    _guess_split(peek, roles)
    _guess_id(peek, roles)
    _guess_topic(peek, roles)
    _guess_caption(peek, roles)
    return roles


def _take(roles: Roles, role: str, name: str, why: str, usual: str | None) -> None:
    roles.found[role] = name
    if name != usual:
        roles.columns[role] = name
    roles.reasons.append(f'{role}: column "{name}" ({why})')


def _guess_image(peek: Peek, roles: Roles, folder: Path, paths_are_possible: bool) -> None:
    usual = peek.usual("image")
    named = [*([usual] if usual is not None else []), *peek.other_names("image")]
    others = [name for name in peek.names if name not in named]
    best: tuple[float, str, ImageRoot | None] | None = None
    for name in [*named, *others]:
        share, root = _images_in(peek, name, folder, only_images=name in others)
        if root is not None and not paths_are_possible:
            continue
        if share and (best is None or share > best[0]):
            best = share, name, root
        if share >= 0.5:
            break
    if best is None:
        raise _no_images(peek, named, folder)
    _, name, root = best
    why = "usual name" if name in named else "its values are images"
    _take(roles, "image", name, why, usual)
    if root is None:
        roles.reasons.append("images: inside the files")
    else:
        roles.root = root.folder
        roles.reasons.append(f"images: {root.folder} ({root.found:,} of {root.of:,} checked paths are files in it)")


def _images_in(peek: Peek, name: str, folder: Path, *, only_images: bool) -> tuple[float, ImageRoot | None]:
    """Return the share of a column's values that are images, and the image root if they are not embedded."""
    values = peek.values(name)
    embedded = sum(value == _INSIDE for value in values)
    if 2 * embedded >= len(values):
        return embedded / max(1, len(values)), None
    paths = [text for text in peek.texts(name) if not only_images or is_image_name(text)]
    if not paths or (only_images and 2 * len(paths) < len(values)):
        return 0.0, None
    root = find_image_root(paths, folder)
    return (root.found / root.of, root) if root is not None else (0.0, None)


def _no_images(peek: Peek, named: list[str], folder: Path) -> PipelineError:
    for name in named or [name for name in peek.names if any(map(is_image_name, peek.texts(name)))]:
        for text in peek.texts(name)[:1]:
            shown = f"the values of column {name!r}, such as {text[:100]!r}"
            if "://" in text:
                return peek.error(f"{shown}, are URLs; download the images and replace the URLs with their paths")
            if (file := missing_ending(text, folder)) is not None:
                return peek.error(f"{shown}, lack the ending {file.suffix} of the file {file}; add the ending to them")
            return peek.error(
                f"{shown}, are not files in {folder}, its subfolders, its parent, or the folders next to it; "
                "move the images there, or make the paths absolute"
            )
    return peek.error("no column contains images or image paths")


def _guess_split(peek: Peek, roles: Roles) -> None:
    usual = peek.usual("split")
    free = [name for name in peek.names if name not in roles.found.values()]
    if usual is not None:
        if bad := next((text for text in map(str, peek.values(usual)) if split_name(text) is None), None):
            roles.ignore_splits = True
            roles.reasons.append(f'split: column "{usual}" is ignored ({bad[:40]!r} is not a valid split name)')
        else:
            _take(roles, "split", usual, "usual name", usual)
        return
    for name in [*peek.other_names("split"), *free]:
        texts = peek.texts(name)
        if texts and len(texts) == len(peek.values(name)) and all(map(is_usual_split, texts)):
            some = ", ".join(sorted(set(texts)))
            _take(roles, "split", name, f"its values are {some}", None)
            return


def _guess_id(peek: Peek, roles: Roles) -> None:
    usual = peek.usual("id")
    for name in [*([usual] if usual else []), *peek.other_names("id")]:
        values = [(row.get(roles.found.get("split", "")), row.get(name)) for row in peek.rows]
        if all(isinstance(value, str | int) and value != "" for _, value in values) and name != roles.found["image"]:
            if len(set(values)) == len(values):
                _take(roles, "id", name, "usual name", usual)
                return
            roles.reasons.append(f'id: made from image and caption (column "{name}" has repeated values)')
            if name == usual:
                roles.columns["id"] = None
            return
    if usual is not None:
        roles.columns["id"] = None
        roles.reasons.append(f'id: made from image and caption (column "{usual}" has values that are not valid ids)')


def _guess_topic(peek: Peek, roles: Roles) -> None:
    usual = peek.usual("topic")
    name = next(iter([*([usual] if usual else []), *peek.other_names("topic")]), None)
    if (
        name is not None
        and name not in roles.found.values()
        and all(isinstance(row.get(name), str | int | None) for row in peek.rows)
    ):
        _take(roles, "topic", name, "usual name", usual)


def _guess_caption(peek: Peek, roles: Roles) -> None:
    usual = peek.usual("caption")
    taken = set(roles.found.values())
    for name in [*([usual] if usual else []), *peek.other_names("caption")]:
        texts = peek.texts(name)
        if name not in taken and texts and 2 * len(texts) >= len(peek.rows):
            _take(roles, "caption", name, "usual name", usual)
            return
    lengths = {
        name: sum(map(len, texts)) / len(texts)
        for name in peek.names
        if name not in taken and (texts := peek.texts(name)) and _are_sentences(texts)
    }
    if not lengths:
        raise peek.error("no column contains captions (texts of several words); rename the right one to `caption`")
    name = max(lengths, key=lengths.__getitem__)
    _take(roles, "caption", name, f"the longest texts, {lengths[name]:.0f} characters on average", usual)


def _are_sentences(texts: list[str]) -> bool:
    return sum(len(text.split()) for text in texts) >= _SHORTEST_CAPTION * len(texts) or any(
        len(text) > 20 and not text.isascii()
        for text in texts  # scripts without spaces
    )
