"""Where the rows of a split come from: for a run's records, and in a line for people."""

import hashlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ShardSource:
    """The shards that a split was read from.

    Attributes:
        digests: SHA-256 by shard, named relative to the folder, by name.
        statuses: rows by status, used or not; used: those that are used.
        made_by: dataset, model, revision and prompt as the shards' footers say, each combination once.
        gaps: what is missing of the dataset's explanations; empty if they are complete.
        packed_at: pixels of the shorter side of the images in the shards, the least of them; None: by reference.
    """

    split: str
    digests: dict[str, str]
    statuses: dict[str, int]
    used: dict[str, int]
    made_by: tuple[dict[str, str | None], ...] = ()
    gaps: tuple[str, ...] = ()
    packed_at: int | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of what `sha256sum` prints of the shards in order of their names: one for all."""
        lines = "".join(f"{sha}  {name}\n" for name, sha in sorted(self.digests.items()))
        return hashlib.sha256(lines.encode()).hexdigest()

    def record(self) -> dict[str, Any]:
        """The same as plain types."""
        return {
            "split": self.split,
            "statuses": self.statuses,
            "used": self.used,
            "made_by": list(self.made_by),
            "gaps": list(self.gaps),
            "shards": self.digests,
            "shards_sha256": self.digest,
        }

    def line(self) -> str:
        """The same for people."""
        left = {status: count - self.used.get(status, 0) for status, count in self.statuses.items()}
        rows = f"rows used {_counted(self.used)}, not used {_counted(left)}"
        made = "; ".join(
            f"dataset {m['dataset']}, explained by {m['model']} (revision {m['revision']}) with prompt {m['prompt']}"
            for m in self.made_by
        )
        number = f"{len(self.digests)} shard{'s' if len(self.digests) > 1 else ''}"
        return f"split {self.split}: {number}, {rows}; {made}; sha256 of all shards {self.digest[:16]}"

    def warning(self) -> str | None:
        """What must not be overlooked: that explanations are missing."""
        if not self.gaps:
            return None
        return f"PARTIAL: split {self.split} is used as it is, explanations are missing: {'; '.join(self.gaps)}"


def _counted(counts: dict[str, int]) -> str:
    by_status = ", ".join(f"{status} {count:,}" for status, count in counts.items() if count)
    return f"{sum(counts.values()):,}" + (f" ({by_status})" if by_status else "")
