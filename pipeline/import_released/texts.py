"""Explanations that others generated and released, found by the image they belong to."""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.readers.json_stream import object_items
from pipeline.readers.records import encodable


class ImportedTexts:
    """The texts of released files (JSON objects from an image's path to a text), in a scratch database on disk.

    Attributes:
        files: name and SHA-256 of each file.
        entries: texts in the files; unusable: entries whose value is no text.
        example: the first entry's name, for messages.
    """

    def __init__(self, files: Iterable[Path], model: str, folder: Path) -> None:
        """Read the files.

        Raises:
            PipelineError: a file is not there, or holds no JSON object.
        """
        self.files: list[dict[str, str]] = []
        self.unusable = 0
        self.example = ""
        self._model = model
        self._database = sqlite3.connect(folder / "texts.sqlite")
        self._database.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE texts (number INTEGER PRIMARY KEY, path TEXT, key TEXT, text TEXT)"
        )
        for file in files:
            if not file.is_file():
                raise PipelineError(f"no file of explanations at {file}")
            with file.open("rb") as content:
                self.files.append({"name": file.name, "sha256": hashlib.file_digest(content, "sha256").hexdigest()})
            self._database.executemany("INSERT INTO texts (path, key, text) VALUES (?, ?, ?)", self._rows(file))
        self._database.executescript("CREATE INDEX paths ON texts (path); CREATE INDEX keys ON texts (key)")
        self.entries: int = self._database.execute("SELECT count(*) FROM texts").fetchone()[0]
        self._used = bytearray(self.entries + 1)

    @property
    def surplus(self) -> int:
        """Texts that were not asked for."""
        return self.entries - sum(self._used)

    def find(self, image: str) -> str | None:
        """Key of the text of the first entry whose path ends in an image's whole path; None if there is none."""
        start = _from_its_end(image)
        found = self._database.execute(
            "SELECT number, key FROM texts WHERE path >= ? AND path < ? ORDER BY number LIMIT 1",
            (start, f"{start[:-1]}0"),  # 0 comes after /
        ).fetchone()
        if found is None:
            return None
        self._used[found[0]] = 1
        return str(found[1])

    def text(self, key: str) -> str:
        """The text with a key that was found."""
        return str(self._database.execute("SELECT text FROM texts WHERE key = ? LIMIT 1", (key,)).fetchone()[0])

    def close(self) -> None:
        """Done with the database."""
        self._database.close()

    def _rows(self, file: Path) -> Iterator[tuple[str, str, str]]:
        for name, value in object_items(file):
            if not isinstance(value, str):
                self.unusable += 1
                continue
            self.example = self.example or name
            text = encodable(value)
            yield _from_its_end(encodable(name)), imported_key(text, self._model), text


def imported_key(text: str, model: str) -> str:
    """Content address of a text whose prompt and sampling nobody recorded: the text itself, and who is said to have
    written it. It never equals the key of a text that was generated here."""
    asked = json.dumps({"imported": text, "model": model}, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(asked.encode(), digest_size=16, person=b"imported").hexdigest()


def _from_its_end(path: str) -> str:
    """`a/b/c.jpg` as `c.jpg/b/a/`, so that paths that end alike begin alike."""
    return "".join(f"{part}/" for part in reversed(path.replace("\\", "/").split("/")))
