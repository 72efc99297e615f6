"""Turns image paths as people write them into paths below the image root.

Only paths that may be written otherwise than the file is named are looked up: those with a backslash, a percent sign or
a character beyond ASCII, and those that begin like the root ends. The lookups stop if the first 1,000 change nothing.
"""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import unquote

from entityclip.contract.locations import is_url

BACKSLASHES = "with backslashes"
PERCENT = "with %XX for a character"
UNICODE = "in another Unicode form (NFC or NFD) than the file's name"
REPEATED = "that repeat the end of the image root"
URLS = "that are URLs, which are not fetched"

_UNUSUAL = re.compile(r"^/|//|(^|/)\.(/|$)|/$")
_DOUBTFUL = re.compile(r"[\\%]|[^\x00-\x7f]")
_LOOKED_UP = 1_000


class ImagePaths:
    """Converts paths in a dataset to paths below a local root, and counts what was changed."""

    def __init__(self, root: str, changes: Counter[str]) -> None:
        """Set up the conversion; `root` is an absolute folder or a URL, and `changes` gets the number by kind."""
        self._root = root
        self._is_url = is_url(root)
        self._prefix = root.partition("?")[0].rstrip("/") + "/"
        parts = () if self._is_url else PurePosixPath(root).parts[1:]
        self._ends = tuple("/".join(parts[-n:]) + "/" for n in range(1, len(parts) + 1))
        self._starts = (*self._ends, *(f"./{end}" for end in self._ends))
        self._changes = changes
        self._looked_up = self._changed = 0

    def below(self, path: str) -> str:
        """Return the path relative to the root, with forward slashes.

        A path that leads out of the root, or that is the URL of another place, is returned as it is: its row's status
        will say so.
        """
        if "://" in path:
            if self._is_url and path.startswith(self._prefix):
                return path.removeprefix(self._prefix)
            if not path.startswith("file://"):
                self._changes[URLS] += 1
                return path
            path = unquote(path.removeprefix("file://"))
        if not self._is_url and (path.startswith(self._starts) or _DOUBTFUL.search(path)):
            path = self._found(path)
        if not _UNUSUAL.search(path):
            return path
        pure = PurePosixPath(path)
        if pure.is_absolute() and self._root and pure.is_relative_to(self._root):
            pure = pure.relative_to(self._root)
        return str(pure)

    def _found(self, path: str) -> str:
        """Return the first way of writing a path in which it is a file, or the path itself."""
        if self._looked_up >= _LOOKED_UP and not self._changed:
            return path
        variants = list(self._variants(path))
        if len(variants) == 1:
            return path
        self._looked_up += 1
        for variant, kinds in variants:
            parts = variant.split("/")
            if ".." in parts or "\0" in variant:
                continue
            if os.path.isfile(os.path.join(self._root, variant)):  # noqa: PTH113, PTH118 - `Path` raises for long names
                if kinds:
                    self._changed += 1
                    self._changes.update(kinds)
                return variant
        return path

    def _variants(self, path: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the ways in which a path may be meant, with the kinds of changes; the path itself comes first."""
        for slashes, by_slashes in _either(path, path.replace("\\", "/"), BACKSLASHES):
            for plain, by_percent in _either(slashes, unquote(slashes) if "%" in slashes else slashes, PERCENT):
                forms = dict.fromkeys([plain, *(unicodedata.normalize(form, plain) for form in ("NFC", "NFD"))])
                for form in forms:
                    by_form = () if form == plain else (UNICODE,)
                    kinds = (*by_slashes, *by_percent, *by_form)
                    yield form, kinds
                    for end in self._ends:
                        if form.removeprefix("./").startswith(end):
                            yield form.removeprefix("./").removeprefix(end), (*kinds, REPEATED)


def _either(text: str, other: str, kind: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield text, ()
    if other != text:
        yield other, (kind,)
