"""What a dataset holds, and the comparison with what was read of it: everything is there, or it is said."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import yaml

from pipeline.chat.prompts import Prompt
from pipeline.errors import PipelineError
from pipeline.job import Job
from pipeline.manifest.manifest import Manifest, load_manifest
from pipeline.pair import Pair
from pipeline.plan.plan import plan_pairs
from pipeline.readers import read_pairs
from pipeline.readers.captions import BROKEN
from pipeline.readers.notes import ReaderNotes

_GENERATED = re.compile(r"[0-9a-f]{20}(#\d+)?")


class Fault(AssertionError):  # noqa: N818
    """Something is lost, or wrong, and nothing says so."""


@dataclass
class Truth:
    """A pair that the data holds.

    Attributes:
        image: number of its picture; None if there is none.
        id: its id; None if it is to be generated.
        split: None if a hash of the image chooses it.
        is_skipped: whether it should be skipped and counted.
        may_be_numbered: whether its id may have `#2` at its end.
    """

    caption: str
    image: int | None
    id: str | None = None
    split: str | None = None
    topic: str | None = None
    is_skipped: bool = False
    may_be_numbered: bool = False

    def fits(self, pair: Pair, picture: int | None) -> bool:
        """Whether this is the pair that was read."""
        if self.id is None:
            same_id = _GENERATED.fullmatch(pair.id) is not None
        else:
            same_id = pair.id == self.id or (self.may_be_numbered and re.sub(r"#\d+$", "", pair.id) == self.id)
        return (
            same_id
            and self.caption == pair.caption
            and (pair.split == self.split if self.split else pair.split in ("train", "val", "test"))
            and self.image == picture
            and self.topic == pair.topic
        )


@dataclass
class Written:
    """A dataset on disk, and what is in it.

    Attributes:
        dataset: the manifest's section.
        names: one of them must be in the message if it is refused.
        may_refuse: whether a PipelineError is right; "must" if only that is.
        is_lossy: whether characters beyond ASCII may become U+FFFD, which is counted.
        counted: for a kind of note, by its beginning, the least number that must be counted.
    """

    dataset: dict[str, Any]
    truths: list[Truth]
    names: tuple[str, ...]
    may_refuse: bool | str = False
    is_lossy: bool = False
    counted: dict[str, int] = field(default_factory=dict)


def check(folder: Path, written: Written, pictures: dict[bytes, int]) -> str:
    """Read the dataset as `plan` does, and compare. Raises Fault; returns what became of it."""
    notes = ReaderNotes()
    try:
        manifest = _manifest(folder, written.dataset)
        pairs = list(_planned(manifest, notes))
    except PipelineError as error:
        if not any(name in str(error) for name in (*written.names, "dataset own")):
            raise Fault(f"refused without the name of the file: {error}") from error
        if not written.may_refuse and not _is_refused_by_plan(written.truths):
            raise Fault(f"refused: {error}") from error
        return "refused"
    if written.may_refuse == "must":
        raise Fault("not refused")
    _compare(written, [(pair, _picture(manifest, pair, pictures)) for pair in pairs], notes)
    return "read"


def _manifest(folder: Path, dataset: dict[str, Any]) -> Manifest:
    content = {
        "name": "own",
        "dataset": dataset,
        "generation": {"model": "none", "prompt": "news-v1"},
        "output": "explanations",
    }
    (folder / "own.yaml").write_text(yaml.dump(content, allow_unicode=True), encoding="utf-8")
    return load_manifest(folder / "own.yaml")


def _planned(manifest: Manifest, notes: ReaderNotes) -> Iterator[Pair]:
    """The pairs as `plan` takes them, with a prompt that needs no LLM."""
    model = SimpleNamespace(name="m", revision="r", chat_template_digest="", template_arguments={})
    model.check_template_arguments = lambda: None
    prompts = SimpleNamespace(
        prompt=lambda pair: Prompt([{"role": "user", "content": f"{pair.caption} {pair.topic}"}]),
        count=lambda prompt: None,
    )
    job = cast(Job, SimpleNamespace(manifest=manifest, model=model, prompts=prompts))
    for planned in plan_pairs(read_pairs(manifest, notes), job):
        yield planned.pair


def _is_refused_by_plan(truths: list[Truth]) -> bool:
    """Whether ids that the data gives occur twice in a split, or nothing is left."""
    truths = [truth for truth in truths if not truth.is_skipped]
    given = [(truth.split, truth.id) for truth in truths if truth.id is not None and not truth.may_be_numbered]
    return not truths or len(given) != len(set(given))


def _picture(manifest: Manifest, pair: Pair, pictures: dict[bytes, int]) -> int | None:
    file = manifest.image_root / pair.image
    return pictures[file.read_bytes()] if pair.image and file.is_file() else None


def _compare(written: Written, found: list[tuple[Pair, int | None]], notes: ReaderNotes) -> None:
    left = list(found)
    if written.is_lossy and notes.changed[BROKEN]:
        left = [(_bare(pair), picture) for pair, picture in left]
        written.truths = [Truth(**{**vars(one), "caption": _ascii(one.caption)}) for one in written.truths]
    elif any("\ufffd" in f"{pair.id}{pair.caption}{pair.topic}" for pair, _ in found) and not notes.changed[BROKEN]:
        raise Fault("U+FFFD that nothing says")
    missing = []
    for truth in sorted(written.truths, key=lambda truth: truth.id is None):
        if truth.is_skipped:
            continue
        place = next((place for place, one in enumerate(left) if truth.fits(*one)), None)
        if place is None:
            missing.append(truth)
        else:
            del left[place]
    if missing or left:
        raise Fault(f"missing: {missing[:3]}; read instead: {left[:3]}; said: {notes.lines()}")
    if len({(pair.split, pair.id) for pair, _ in found}) != len(found):
        raise Fault("an id occurs twice in a split")
    if (skipped := sum(one.is_skipped for one in written.truths)) > sum(notes.passed_over.values()):
        raise Fault(f"{skipped} records skipped, but said is {notes.lines()}")
    if sum("#" in pair.id for pair, _ in found if pair.id.rpartition("#")[2].isdigit()) > notes.renamed + sum(
        "#" in (truth.id or "") for truth in written.truths
    ):
        raise Fault(f"numbered ids that are not counted: {notes.lines()}")
    for kind, least in written.counted.items():
        if not any(_counts(line, kind, least) for line in notes.lines()):
            raise Fault(f"{kind!r} is not counted {least} times: {notes.lines()}")


def _counts(line: str, kind: str, least: int) -> bool:
    if kind not in line:
        return False
    numbers = re.findall(r"\d[\d,]*", line.replace(kind, "", 1))
    return not least or any(int(number.replace(",", "")) >= least for number in numbers)


def _bare(pair: Pair) -> Pair:
    return Pair(pair.id, pair.split, pair.image, _ascii(pair.caption), pair.topic)


def _ascii(text: str) -> str:
    return " ".join("".join(c for c in text if c.isascii()).split())
