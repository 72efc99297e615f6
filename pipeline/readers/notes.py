"""Counts what a reader cleans or skips; nothing is cleaned or skipped without being counted."""

from collections import Counter
from dataclasses import dataclass, field

from pipeline.readers.captions import clean_caption

LONGEST_CAPTION = 100_000  # characters
_MOST_KINDS = 40  # of skipped records to tell apart


@dataclass
class ReaderNotes:
    """What a reader noted in one pass over a dataset.

    Attributes:
        layout: description of the layout that was found.
        splits: descriptions of where the splits came from.
        captions: number of captions read.
        changed_captions: number of captions that were cleaned.
        changed: number of cleaned captions by kind of change; a caption may count under several kinds.
        passed_over: number of skipped records by reason.
        noted: number of values that were read otherwise than they are in the file, by kind.
        first: place of the first record of each reason in `passed_over` and kind in `noted`, where known.
        remarks: further lines of the summary.
        renamed: number of pairs whose id had already occurred in their split.
        cut: number of captions longer than `LONGEST_CAPTION`.
        large_images: number of embedded images that were too large to extract.
        outside: number of image paths that lead out of the dataset's folder.
        hashed_ids: number of ids replaced by a hash because they had control characters or were too long.
        repeated_members: number of tar members that have the name of an earlier one in the same record.
        without_image: number of records without an image.
        is_marked_utf8: whether a file begins with the byte order mark of UTF-8.
        image_paths: number of image paths by how they were written otherwise than the files are named.
        taken_for: what splits were taken for, by their names in the data, if these differ.
    """

    layout: str = ""
    splits: set[str] = field(default_factory=set)
    captions: int = 0
    changed_captions: int = 0
    changed: Counter[str] = field(default_factory=Counter)
    passed_over: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    renamed: int = 0
    cut: int = 0
    large_images: int = 0
    outside: int = 0
    hashed_ids: int = 0
    repeated_members: int = 0
    without_image: int = 0
    is_marked_utf8: bool = False
    image_paths: Counter[str] = field(default_factory=Counter)
    taken_for: dict[str, str] = field(default_factory=dict)

    def note(self, kind: str, where: str) -> None:
        """Count a value that was read otherwise than it is in the file, and keep the first place."""
        self.noted[kind] += 1
        self.first.setdefault(kind, where)

    def remark(self, line: str) -> None:
        """Add a line to the summary, once."""
        if line not in self.remarks and len(self.remarks) < _MOST_KINDS:
            self.remarks.append(line)

    def skip(self, reason: str, where: str) -> None:
        """Count a skipped record, and keep the first place."""
        self.passed_over[reason] += 1
        self.first.setdefault(reason, where)

    def clean(self, caption: str | None, *, has_html: bool = False) -> str:
        """Clean a caption, truncate it to `LONGEST_CAPTION`, and count the changes; None becomes "".

        Args:
            has_html: remove HTML tags.
        """
        caption = caption or ""
        if len(caption) > LONGEST_CAPTION:
            self.cut += 1
            caption = caption[:LONGEST_CAPTION]
        cleaned, changes = clean_caption(caption, has_html=has_html)
        self.captions += 1
        self.changed_captions += bool(changes)
        self.changed.update(changes)
        return cleaned

    def pass_over_member(self, ending: str) -> None:
        """Count a tar member that no column is read from, by its ending."""
        kind = f"tar members that no column is read from (.{ending[:20]})"
        if kind not in self.passed_over and len(self.passed_over) >= _MOST_KINDS:
            kind = "tar members that no column is read from (other endings)"
        self.passed_over[kind] += 1

    def lines(self) -> list[str]:
        """Return a human-readable summary as lines."""
        if not self.layout:
            return []
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.changed.most_common())
        lines = [
            "; ".join([f"read {self.layout}", *sorted(self.splits)]),
            f"captions cleaned: {self.changed_captions:,} of {self.captions:,}{f' ({kinds})' if kinds else ''}",
        ]
        lines += [
            f"skipped: {count:,} {reason}{self._place(reason)}" for reason, count in self.passed_over.most_common()
        ]
        lines += [f"{kind}: {count:,}{self._place(kind)}" for kind, count in self.noted.most_common()]
        counts = {
            "ids repeated within a split, numbered": self.renamed,
            f"captions cut at {LONGEST_CAPTION:,} characters": self.cut,
            "tar members with the name of an earlier one, each the start of a new record": self.repeated_members,
            "records without an image, whose rows get the status bad_image": self.without_image,
            "images of more than 256 MiB, not extracted": self.large_images,
            "image paths that lead out of the dataset folder, not followed": self.outside,
            "ids with control characters or over 512 characters, replaced by a hash": self.hashed_ids,
        }
        lines += [f"{what}: {count:,}" for what, count in counts.items() if count]
        lines += [f"image paths {how}: {count:,}" for how, count in self.image_paths.most_common()]
        if self.taken_for:
            lines.append("splits: " + ", ".join(f"{given!r} is {ours}" for given, ours in self.taken_for.items()))
        return lines + self.remarks

    def _place(self, kind: str) -> str:
        return f" (first: {self.first[kind]})" if kind in self.first else ""
