"""Damage to files that the program wrote itself: bytes, values of JSON, and things in a file's place."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

from tests.fuzz.mutations import damaged

DEEP = b"[" * 200_000
VALUES: list[Any] = [
    None, [], {}, "", "x", -5, -1, 0, 1, 2**31, 2**63, 10**30, 1.5, 1e308, True, [None], [[]], {"x": {}}, ["a"] * 50,
    "\ud800", "a\0b", "../../x", "x" * 5000, [[[[[[]]]]]], {"model": []}, {"total": "x"}, float("nan"), 10**12,
]  # fmt: skip
WHOLE = [b"", b"[]", b"{}", b"null", b"-5", b'"x"', b"\xff\xfe\x00", DEEP, b'{"a":' * 200_000, b"\0" * 500, b"1e999\n"]


def damage(path: Path, rng: random.Random) -> str:
    """Damage a file in one of the ways; return how."""
    content = path.read_bytes()
    is_text = path.suffix in (".json", ".jsonl", ".yaml")
    how = rng.choice(
        ("bytes", "whole", "value", "value", "value", "tail", "cut", "folder")
        if is_text
        else ("bytes", "bytes", "cut", "whole", "folder")
    )
    if how == "bytes":
        path.write_bytes(damaged(content, rng))
    elif how == "whole":
        path.write_bytes(rng.choice(WHOLE))
    elif how == "tail":
        path.write_bytes(
            content + rng.choice((b"\xff\xfe", b"\n\xff\n", b"{", DEEP + b"\n", b"null\n", b"[]\n", b"\0"))
        )
    elif how == "cut":
        path.write_bytes(content[: rng.randrange(len(content) + 1)])
    elif how == "folder":
        path.unlink()
        path.mkdir()
        if rng.random() < 0.5:
            (path / "inside").write_bytes(b"x")
    else:
        path.write_bytes(with_odd_value(path.suffix, content, rng))
    return how


def with_odd_value(suffix: str, content: bytes, rng: random.Random) -> bytes:
    """Replace, remove or add a value at a random place in JSON, JSON lines or YAML."""
    if suffix == ".yaml":
        import yaml

        plain = yaml.safe_load(content)
        return yaml.safe_dump(_changed(plain, rng)).encode("utf-8", "surrogatepass")
    if suffix == ".jsonl":
        lines = content.splitlines()
        if not lines:
            return content
        at = rng.randrange(len(lines))
        lines[at] = json.dumps(_changed(json.loads(lines[at]), rng)).encode()
        return b"\n".join(lines) + b"\n"
    return json.dumps(_changed(json.loads(content), rng)).encode()


def _changed(plain: Any, rng: random.Random) -> Any:
    """Return the value with a change at a random depth."""
    if not isinstance(plain, dict | list) or not plain or rng.random() < 0.15:
        return rng.choice(VALUES)
    keys = list(plain) if isinstance(plain, dict) else list(range(len(plain)))
    key = rng.choice(keys)
    changed: Any = dict(plain) if isinstance(plain, dict) else list(plain)
    way = rng.random()
    if way < 0.15:
        del changed[key]
    elif way < 0.2 and isinstance(changed, dict):
        changed[rng.choice(("extra", "", "\0", "x" * 300))] = rng.choice(VALUES)
    else:
        changed[key] = _changed(plain[key], rng)
    return changed


class Original:
    """A folder that each case may spoil, and that is put back before the next."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
        self._folders = {path for path in folder.rglob("*") if path.is_dir()}

    def put_back(self) -> None:
        """Remove what is new, and write again what is changed or gone."""
        for path in sorted(self.folder.rglob("*"), reverse=True):
            if path in self.files and path.is_file() and not path.is_symlink():
                continue
            if path in self._folders and path.is_dir():
                continue
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        for path, content in self.files.items():
            if not path.is_file() or path.stat().st_size != len(content) or path.read_bytes() != content:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
