"""What a reader did to a dataset on the way: nothing is cleaned or passed over without a count."""

from collections import Counter

from pipeline.readers.captions import clean_caption

LONGEST_CAPTION = 100_000  # characters


class ReaderNotes:
    """Counts of one pass over a dataset.

    Attributes:
        layout: which of a dataset's layouts was found, in words.
        splits: where the splits came from, in words.
        changed: captions that were cleaned, by kind of change; one caption may count under several.
        passed_over: records that make no pair, by reason.
        renamed: pairs whose id had occurred before in their split.
        cut: captions that were longer than any caption is.
        large_images: images inside files that were too large to be taken out.
        outside: paths of images that lead out of the dataset's folder.
        hashed_ids: ids with control characters, or longer than any id is, in whose place a hash of them stands.
    """

    def __init__(self) -> None:
        self.layout = ""
        self.splits: set[str] = set()
        self.captions = 0
        self.changed_captions = 0
        self.changed: Counter[str] = Counter()
        self.passed_over: Counter[str] = Counter()
        self.renamed = 0
        self.cut = 0
        self.large_images = 0
        self.outside = 0
        self.hashed_ids = 0

    def clean(self, caption: str | None) -> str:
        """A caption cleaned, cut if it is longer than any, and counted; a missing one is empty."""
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
        """What there is to say, for people."""
        if not self.layout:
            return []
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.changed.most_common())
        lines = [
            "; ".join([f"read {self.layout}", *sorted(self.splits)]),
            f"captions cleaned: {self.changed_captions:,} of {self.captions:,}{f' ({kinds})' if kinds else ''}",
        ]
        lines += [f"passed over: {count:,} {reason}" for reason, count in self.passed_over.most_common()]
        if self.renamed:
            lines.append(f"ids that occurred before in their split, and got a number: {self.renamed:,}")
        if self.cut:
            lines.append(f"captions cut at {LONGEST_CAPTION:,} characters: {self.cut:,}")
        if self.large_images:
            lines.append(f"images of more than 256 MiB, not taken out of their files: {self.large_images:,}")
        if self.outside:
            lines.append(f"paths of images that lead out of the dataset's folder, not followed: {self.outside:,}")
        if self.hashed_ids:
            lines.append(f"ids with control characters or of more than 512, replaced by a hash: {self.hashed_ids:,}")
        return lines
