"""Feeds hostile manifests, data and images to the pipeline: `python -m tests.fuzz.run --help`.

A case may end in pairs, in a `PipelineError`, or in an image that cannot be used. It may not end in another exception,
take longer than 20 s, need more memory than the bound, write outside the folder, or open anything outside it.
"""

import argparse
import faulthandler
import json
import os
import random
import resource
import shutil
import signal
import sys
import sysconfig
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from pipeline.errors import PipelineError
from pipeline.images.check import image_digest, image_fault
from pipeline.manifest.manifest import Manifest, load_manifest
from pipeline.plan.plan import PLAN_SCHEMA
from pipeline.readers import read_pairs
from pipeline.readers.notes import ReaderNotes
from tests.fuzz.cases import Kind, images, kinds, manifest_text, rows
from tests.fuzz.mutations import VALUES, damaged
from tests.support.peak_memory import forget_peak, peak_mib

SECONDS = 20
MEMORY = 2 * 2**30  # of addresses, beyond those at the start
_CAPTION = 100_000
_NEVER = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect", "socket.getaddrinfo")


class TooSlow(BaseException):
    """No `Exception`, so that nothing takes it for a bad image."""


class Watch:
    """Notes what is opened, listed, started or connected to, as Python's audit events tell it, while a case runs."""

    def __init__(self, folder: Path) -> None:
        self.outside: list[str] = []
        self._on = False
        code = {sys.prefix, sys.base_prefix, str(Path(__file__).parents[2]), *sysconfig.get_paths().values()}
        self._allowed = tuple(os.path.realpath(path) for path in (folder, *code, "/usr/share/zoneinfo"))
        sys.addaudithook(self._hear)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Listen within this block."""
        self._on = True
        try:
            yield
        finally:
            self._on = False

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._on:
            return
        if event in ("open", "os.listdir", "os.scandir") and isinstance(args[0], str | bytes | os.PathLike):
            path = os.path.realpath(os.fsdecode(args[0]))
            if not any(path == allowed or path.startswith(f"{allowed}/") for allowed in self._allowed):
                self.outside.append(f"{event} {path}")
        elif event in (
            "subprocess.Popen",
            "os.system",
            "os.exec",
            "os.posix_spawn",
            "socket.connect",
            "socket.getaddrinfo",
        ):
            self.outside.append(f"{event} {args!r}"[:200])


def run(folder: Path, cases: int, seed: int, only: str | None = None) -> dict[str, Any]:
    """Run the cases; what became of them by kind, and everything that may not be."""
    root = folder / "inside"
    root.mkdir(parents=True)
    fuzz = _Fuzz(root, seed)
    fuzz.warm_up()
    start = _pages()
    resource.setrlimit(resource.RLIMIT_AS, (start + MEMORY, resource.RLIM_INFINITY))
    before = forget_peak()
    faulthandler.enable()
    signal.signal(signal.SIGALRM, _too_slow)
    began = time.monotonic()
    for number in range(cases):
        fuzz.case(number, only)
    return {
        "cases": sum(sum(found.values()) for found in fuzz.outcomes.values()),
        "seconds": round(time.monotonic() - began),
        "mib": round(peak_mib() - before),
        "outcomes": {kind: dict(found) for kind, found in sorted(fuzz.outcomes.items())},
        "faults": fuzz.faults,
    }


def _pages() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()


def _too_slow(_signal: int, _frame: FrameType | None) -> None:
    raise TooSlow


class _Fuzz:
    def __init__(self, root: Path, seed: int) -> None:
        self.outcomes: dict[str, Counter[str]] = {}
        self.faults: list[dict[str, Any]] = []
        self._root = root
        self._seed = seed
        self._kinds = kinds(root)
        self._images = images()
        self._watch = Watch(root)
        self._manifest = root / "own.yaml"
        self._choices = [name for name, kind in self._kinds.items() for _ in range(kind.weight)]
        self._choices += ["manifest"] * 10 + ["image"] * 12 + ["image path"] * 4

    def warm_up(self) -> None:
        """Read each valid dataset, so that what is imported late is there; all of them must give pairs."""
        for kind in self._kinds.values():
            self._manifest.write_bytes(manifest_text(kind.dataset))
            pairs = list(read_pairs(load_manifest(self._manifest)))
            assert pairs, kind.dataset
        for content in self._images:
            (self._root / "images" / "case").write_bytes(content)
            assert (problem := image_fault(self._root / "images", "case")) is None, problem

    def case(self, number: int, only: str | None) -> None:
        """One case, which follows from seed and number alone."""
        rng = random.Random(f"{self._seed} {number}")
        name = rng.choice(self._choices)
        if only is not None and name != only:
            return
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        faulthandler.dump_traceback_later(3 * SECONDS, exit=True)  # for what no signal reaches
        try:
            outcome = self._outcome(name, rng)
        except TooSlow:
            outcome = self._fault(number, name, f"took more than {SECONDS} s")
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            outcome = self._fault(number, name, f"{type(error).__name__}: {str(error)[:300]}")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            faulthandler.cancel_dump_traceback_later()
        if self._watch.outside:
            outcome = self._fault(number, name, f"reached out: {self._watch.outside[:3]}")
            self._watch.outside.clear()
        self.outcomes.setdefault(name, Counter())[outcome] += 1
        if number % 200 == 0:
            shutil.rmtree(self._root / ".work", ignore_errors=True)

    def _fault(self, number: int, name: str, what: str) -> str:
        self.faults.append({"number": number, "kind": name, "what": what})
        return "FAULT"

    def _outcome(self, name: str, rng: random.Random) -> str:
        if name == "image":
            target = self._root / "images" / "case"
            target.write_bytes(damaged(rng.choice(self._images), rng, rng.choice(self._images)))
            return self._look("case")
        if name == "image path":
            value = rng.choice([value for value in VALUES if isinstance(value, str)])
            return self._look(value + rng.choice(("", "", "/x", "\0", "/../0.png", "x" * 300)))
        if name == "manifest":
            dataset = rng.choice(list(self._kinds.values())).dataset
            text = manifest_text(dataset, rng if rng.random() < 0.5 else None)
            self._manifest.write_bytes(damaged(text, rng) if rng.random() < 0.6 else text)
            return self._read(rng, deep=False)
        kind = self._kinds[name]
        self._manifest.write_bytes(manifest_text(kind.dataset))
        target = rng.choice(kind.targets)
        self._attack(kind, target, rng)
        try:
            return self._read(rng, deep=True)
        finally:
            (self._root / target).write_bytes(kind.valid[target])

    def _attack(self, kind: Kind, target: str, rng: random.Random) -> None:
        content = kind.valid[target]
        if kind.from_rows is not None and rng.random() < 0.5:
            content = kind.from_rows(rows(rng), rng)
            if rng.random() < 0.7:
                (self._root / target).write_bytes(content)
                return
        other = rng.choice(list(self._kinds.values()))
        (self._root / target).write_bytes(damaged(content, rng, other.valid[other.targets[0]]))

    def _look(self, image: str) -> str:
        with self._watch.watching():
            found = image_fault(self._root / "images", image)
            image_digest(self._root / "images", image)
        return "usable" if found is None else found[0].value

    def _read(self, rng: random.Random, deep: bool) -> str:
        notes = ReaderNotes()
        count = 0
        with self._watch.watching():
            try:
                manifest = load_manifest(self._manifest)
                root = manifest.image_root
                if not deep and not all(_inside(self._root, place) for place in _places(manifest)):
                    return "manifest of another place"  # which its writer may name
                for pair in read_pairs(manifest, notes):
                    count += 1
                    _check(pair)
                    if rng.random() < 0.3:
                        image_fault(root, pair.image)
                assert all(isinstance(line, str) for line in notes.lines())
            except PipelineError as error:
                assert str(error) and len(str(error)) < 20_000, "a message that nobody reads"
                return "PipelineError"
        return "pairs" if count else "no pairs"


def _places(manifest: Manifest) -> Iterator[str]:
    """Whatever the dataset section says that may be a path."""
    yield str(manifest.image_root)
    left: list[Any] = [manifest.dataset.model_dump()]
    while left:
        value = left.pop()
        if isinstance(value, dict | tuple | list):
            left += value.values() if isinstance(value, dict) else value
        elif isinstance(value, str | Path):
            yield str(value)


def _inside(folder: Path, place: str) -> bool:
    try:
        return (folder / place).resolve().is_relative_to(folder)
    except (OSError, ValueError, RuntimeError):
        return True  # no path at all


def _check(pair: Any) -> None:
    for name in ("id", "split", "image", "caption"):
        getattr(pair, name).encode("utf-8")
        assert PLAN_SCHEMA.field(name).type == "string"
    if pair.topic is not None:
        pair.topic.encode("utf-8")
    assert len(pair.caption) <= _CAPTION
    assert "\0" not in pair.caption + pair.id + pair.split
    assert pair.split.isascii() and pair.split.isidentifier()
    assert pair.id


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Feed hostile input to the pipeline.")
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="one kind of case")
    parser.add_argument("--folder", type=Path, required=True, help="a folder that is not there yet")
    options = parser.parse_args()
    result = run(options.folder, options.cases, options.seed, options.only)
    print(json.dumps(result, indent=1))
    sys.exit(bool(result["faults"]))
