"""Released explanations, indexed by image path."""

import hashlib
import json
import sqlite3
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from entityclip.contract.digests import digest
from pipeline.errors import PipelineError
from pipeline.import_released.entries import Unusable, entries_of
from pipeline.readers.json_stream import object_items
from pipeline.readers.records import encodable


@dataclass(frozen=True, slots=True)
class Found:
    """The text of an image.

    Attributes:
        differing: whether the files have other texts for this image as well.
    """

    key: str
    text: str
    differing: bool


class ImportedTexts:
    """The texts of released files (JSON objects that map image paths to texts), in a temporary database on disk.

    Attributes:
        files: name and SHA-256 of each file.
        entries: number of texts in the files.
        unusable: number of entries without a text, by what their value is instead.
        example: image path of the first text, for error messages.
    """

    def __init__(self, files: Iterable[Path], model: str, folder: Path) -> None:
        """Read the files.

        Raises:
            PipelineError: a file does not exist or does not contain a JSON object.
        """
        self.files: list[dict[str, str]] = []
        self.unusable: Counter[str] = Counter()
        self.example = ""
        self._model = model
        self._database = sqlite3.connect(folder / "texts.sqlite")
        self._database.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE texts (number INTEGER PRIMARY KEY, path TEXT, key TEXT, text TEXT)"
        )
        for file in files:
            if not file.is_file():
                raise PipelineError(f"no explanation file at {file}")
            self.files.append({"name": file.name, "sha256": digest(file)})
            self._database.executemany("INSERT INTO texts (path, key, text) VALUES (?, ?, ?)", self._rows(file))
        self._database.executescript("CREATE INDEX paths ON texts (path); CREATE INDEX keys ON texts (key)")
        self.entries: int = self._database.execute("SELECT count(*) FROM texts").fetchone()[0]
        self._used = bytearray(self.entries + 1)

    @property
    def surplus(self) -> int:
        """Number of texts whose path fits no image that was looked for."""
        return self.entries - sum(self._used)

    def find(self, image: str) -> Found | None:
        """Return the first text whose path ends with all components of the path `image`, or None."""
        if not image:
            return None
        start = _reversed_path(image)
        found = self._database.execute(
            "SELECT number, key FROM texts WHERE path >= ? AND path < ? ORDER BY number",
            (start, f"{start[:-1]}0"),  # "0" is the character after "/"
        ).fetchall()
        if not found:
            return None
        for number, _ in found:
            self._used[number] = 1
        key = str(found[0][1])
        return Found(key, self.text(key), any(other != key for _, other in found))

    def text(self, key: str) -> str:
        """Return the text for a key returned by `find`."""
        return str(self._database.execute("SELECT text FROM texts WHERE key = ? LIMIT 1", (key,)).fetchone()[0])

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _rows(self, file: Path) -> Iterator[tuple[str, str, str]]:
        try:
            for name, value in object_items(file):
                for path, found in entries_of(name, value):
                    if isinstance(found, Unusable):
                        self.unusable[found.kind] += 1
                        continue
                    self.example = self.example or path
                    text = encodable(found)
                    yield _reversed_path(encodable(path)), imported_key(text, self._model), text
        except PipelineError as error:
            raise PipelineError(f'{error}; the file must have the form {{"IMAGE PATH": "TEXT", ...}}') from error


def imported_key(text: str, model: str) -> str:
    """Return the key of a text whose prompt and sampling are unknown: a hash of the text and the name of its LLM.

    It never equals the key of a generated text.
    """
    content = json.dumps({"imported": text, "model": model}, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(content.encode(), digest_size=16, person=b"imported").hexdigest()


def _reversed_path(path: str) -> str:
    """Turn `a/b/c.jpg` into `c.jpg/b/a/`, so that a common suffix becomes a common prefix."""
    path = path if path.isascii() else unicodedata.normalize("NFC", path)  # macOS writes names as NFD
    return "".join(f"{part}/" for part in reversed(path.replace("\\", "/").split("/")))
