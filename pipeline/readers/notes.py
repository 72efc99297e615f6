"""What a reader did to a dataset on the way: nothing is cleaned or passed over without a count."""

from collections import Counter

from pipeline.readers.captions import clean_caption


class ReaderNotes:
    """Counts of one pass over a dataset.

    Attributes:
        layout: which of a dataset's layouts was found, in words.
        changed: captions that were cleaned, by kind of change; one caption may count under several.
        passed_over: records that make no pair, by reason.
        renamed: pairs whose id had occurred before in their split.
    """

    def __init__(self) -> None:
        self.layout = ""
        self.captions = 0
        self.changed_captions = 0
        self.changed: Counter[str] = Counter()
        self.passed_over: Counter[str] = Counter()
        self.renamed = 0

    def clean(self, caption: str | None) -> str:
        """A caption cleaned, and counted; a missing one is empty."""
        cleaned, changes = clean_caption(caption or "")
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
            f"read {self.layout}",
            f"captions cleaned: {self.changed_captions:,} of {self.captions:,}{f' ({kinds})' if kinds else ''}",
        ]
        lines += [f"passed over: {count:,} {reason}" for reason, count in self.passed_over.most_common()]
        if self.renamed:
            lines.append(f"ids that occurred before in their split, and got a number: {self.renamed:,}")
        return lines
