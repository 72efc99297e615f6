"""Reads VisualNews: captions from The Guardian, the BBC, USA Today and The Washington Post."""

from collections.abc import Iterator
from pathlib import Path

from pipeline.pair import SPLITS, Pair
from pipeline.readers.notes import ReaderNotes
from pipeline.readers.records import Layout, PairMaker, find_layout, made_up_id, records_of
from pipeline.readers.splits import hash_split

_SOURCES = ("bbc", "guardian", "usa_today", "washington_post")  # the release's folders


def read_visualnews(root: Path, images: Path, notes: ReaderNotes) -> Iterator[Pair]:
    """Stream the pairs from the authors' `{train,val,test}.json` if present, else from the release's `data.json`.

    The files are in `root` or in its folder `origin`, as the release is unpacked. The release has no splits:
    `hash_split` assigns them by the article's path, or by the record's id if there is none.

    Args:
        images: the image root, to tell which part of an image's path is below it.

    Raises:
        PipelineError: the files are missing or are not JSON lists of the right records.
    """
    folders = (root, root / "origin")
    layouts = [
        Layout(f"the authors' splits in {folder}", {split: folder / f"{split}.json" for split in SPLITS})
        for folder in folders
    ]
    layouts += [
        Layout(f"the release in {folder}, 1 article in 100 as val and 1 as test by a hash", {"": folder / "data.json"})
        for folder in folders
    ]
    return _pairs(find_layout("VisualNews", root, layouts, notes), _ImagePaths(images), notes)


def _pairs(layout: Layout, paths: "_ImagePaths", notes: ReaderNotes) -> Iterator[Pair]:
    maker = PairMaker(notes, has_html=True)
    for split, record in records_of(layout.files, ("image_path", "caption"), notes):
        image = paths.below_root(record.text("image_path"))
        caption = record.joined("caption", " ")
        id_ = record.id("id") or made_up_id(record, image, caption)
        split = split or hash_split(record.text("article_path") or id_)
        yield maker.pair(id_, split, image, caption, record.joined("topic", ", "))


class _ImagePaths:
    """Brings the ways in which an image's path is written into one: `bbc/images/0001/1.jpg`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._is_folder: dict[tuple[str, ...], bool] = {}

    def below_root(self, path: str) -> str:
        """Return the path below the image root, with slashes.

        What precedes the release's folders (`origin/`, a folder of another machine) is removed unless it is a folder
        of the image root. A path that leads out of the root is returned with its `..`, and reported later.
        """
        parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]
        start = next((place for place, part in enumerate(parts) if part in _SOURCES), 0)
        if start:
            before = tuple(parts[:start])
            if (is_folder := self._is_folder.get(before)) is None:
                is_folder = self._is_folder[before] = ".." not in before and self._root.joinpath(*before).is_dir()
            parts = parts if is_folder else parts[start:]
        return "/".join(parts)
