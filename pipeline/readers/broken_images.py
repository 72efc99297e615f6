"""Reads `broken_images.txt`, GoodNews' list of images that cannot be used."""

import codecs
from pathlib import Path

from pipeline.readers.notes import ReaderNotes
from pipeline.readers.records import flat_image

_EXAMPLES = 3


class BrokenImages:
    """The images in a list with one name per line, with or without folders and ending."""

    def __init__(self, path: Path) -> None:
        """Read the list; a file that does not exist is an empty one."""
        self._name = path.name
        lines = _text(path.read_bytes()).splitlines() if path.is_file() else []
        self._lines = {flat_image(name)[0]: name for line in lines if (name := line.strip().strip("\"',"))}
        self._lines.pop("", None)
        self._found: set[str] = set()

    def has(self, id_: str) -> bool:
        """Return whether the image with this id is in the list."""
        if id_ not in self._lines:
            return False
        self._found.add(id_)
        return True

    def report(self, notes: ReaderNotes) -> None:
        """Note the lines that fit no image, after the last image of the dataset."""
        unfit = [line for id_, line in self._lines.items() if id_ not in self._found]
        if unfit:
            examples = ", ".join(repr(line[:100]) for line in unfit[:_EXAMPLES])
            notes.remarks.append(
                f"{len(unfit):,} of {len(self._lines):,} names in {self._name} fit no image of the dataset, such as "
                f"{examples}"
            )


def _text(content: bytes) -> str:
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # Notepad and PowerShell write it
    return content.decode("utf-16" if is_utf16 else "utf-8-sig", "replace")
