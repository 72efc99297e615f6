"""Counts of what a reader cleaned or skipped: neither happens without a count."""

from collections import Counter
from dataclasses import dataclass, field

from pipeline.readers.captions import clean_caption

LONGEST_CAPTION = 100_000  # characters


@dataclass
class ReaderNotes:
    """Counts of one pass over a dataset.

    Attributes:
        layout: the layout that was found, in words.
        splits: where the splits came from, in words.
        changed: captions that were cleaned, by kind of change; one caption may count under several.
        passed_over: skipped records, by reason.
        renamed: pairs whose id had occurred before in their split.
        cut: captions longer than `LONGEST_CAPTION`.
        large_images: embedded images that were too large to extract.
        outside: image paths that lead out of the dataset's folder.
        hashed_ids: ids with control characters, or too long, that were replaced by a hash.
    """

    layout: str = ""
    splits: set[str] = field(default_factory=set)
    captions: int = 0
    changed_captions: int = 0
    changed: Counter[str] = field(default_factory=Counter)
    passed_over: Counter[str] = field(default_factory=Counter)
    renamed: int = 0
    cut: int = 0
    large_images: int = 0
    outside: int = 0
    hashed_ids: int = 0

    def clean(self, caption: str | None) -> str:
        """Clean a caption, cut it to `LONGEST_CAPTION`, and count it; a missing one becomes ""."""
        caption = caption or ""
        if len(caption) > LONGEST_CAPTION:
            self.cut += 1
            caption = caption[:LONGEST_CAPTION]
        cleaned, changes = clean_caption(caption)
        self.captions += 1
        self.changed_captions += bool(changes)
        self.changed.update(changes)
        return cleaned

    def lines(self) -> list[str]:
        """Return a summary for people, as lines."""
        if not self.layout:
            return []
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.changed.most_common())
        lines = [
            "; ".join([f"read {self.layout}", *sorted(self.splits)]),
            f"captions cleaned: {self.changed_captions:,} of {self.captions:,}{f' ({kinds})' if kinds else ''}",
        ]
        lines += [f"passed over: {count:,} {reason}" for reason, count in self.passed_over.most_common()]
        counts = {
            "repeated ids of a split, numbered": self.renamed,
            f"captions cut at {LONGEST_CAPTION:,} characters": self.cut,
            "images of more than 256 MiB, not extracted": self.large_images,
            "image paths out of the dataset's folder, not followed": self.outside,
            "ids with control or over 512 characters, replaced by a hash": self.hashed_ids,
        }
        return lines + [f"{what}: {count:,}" for what, count in counts.items() if count]
