"""Has the LLM explain a few pairs exactly as a run would, without writing to the output or work folder."""

import hashlib
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappush, heappushpop
from itertools import zip_longest

from entityclip.contract.progress import Progress
from pipeline.engines.factory import check_engine
from pipeline.errors import PipelineError
from pipeline.generation.explain import Explained, explain_pairs
from pipeline.job import Job
from pipeline.pair import SPLITS, Pair
from pipeline.readers import read_pairs
from pipeline.readers.notes import ReaderNotes


@dataclass(frozen=True)
class Preview:
    """A few rows as a run would write them.

    Attributes:
        reading: lines that report the detected layout and what the reader cleaned or skipped.
        pairs: number of pairs in the whole dataset, by split.
        explained: the rows, in the order in which they were chosen.
    """

    reading: list[str]
    pairs: dict[str, int]
    explained: Explained

    @property
    def estimated_seconds(self) -> float | None:
        """Return the time to send every pair of the dataset at the rate of these rows; None if nothing was sent."""
        found = self.explained
        if not found.prompts:
            return None
        return found.opening_seconds + sum(self.pairs.values()) * found.seconds / len(found.prompts)


def preview(job: Job, rows: int, split: str | None = None) -> Preview:
    """Read all pairs, choose `rows` of them, and have the job's engine explain them.

    Args:
        split: choose only pairs of this split.

    Raises:
        PipelineError: a run would fail with the same error, or the dataset has no pairs in `split`.
    """
    check_engine(job)
    notes = ReaderNotes()
    pairs = read_pairs(job.manifest, notes)
    print(f"reading the pairs of {job.manifest.name}", file=sys.stderr, flush=True)
    with Progress("read", "pairs") as progress:
        chosen, counts = choose_pairs(progress.over(pairs), rows, split)
    if split is not None and not chosen:
        found = ", ".join(f"{name} ({count:,})" for name, count in counts.items())
        raise PipelineError(f"dataset {job.manifest.name} has no pairs in split {split!r}; it has: {found or 'none'}")
    return Preview(notes.lines(), counts, explain_pairs(job, chosen))


def choose_pairs(pairs: Iterable[Pair], rows: int, split: str | None = None) -> tuple[list[Pair], dict[str, int]]:
    """Choose pairs pseudo-randomly, one from each split in turn, and count all pairs by split.

    A pair's rank is a hash of its split and id, so the choice does not depend on the order of the data, and a larger
    choice contains every smaller one. At most `rows` pairs per split are held in memory.
    """
    counts: Counter[str] = Counter()
    kept: dict[str, list[tuple[int, int, Pair]]] = {}  # heap by split: lowest ranks, highest of these first
    for number, pair in enumerate(pairs):
        counts[pair.split] += 1
        if split in (None, pair.split):
            heap = kept.setdefault(pair.split, [])
            (heappush if len(heap) < rows else heappushpop)(heap, (-_rank(pair), number, pair))
    splits = sorted(counts, key=lambda name: (SPLITS.index(name) if name in SPLITS else len(SPLITS), name))
    columns = [[pair for *_, pair in sorted(kept[name], reverse=True)] for name in splits if name in kept]
    chosen = [pair for turn in zip_longest(*columns) for pair in turn if pair is not None]
    return chosen[:rows], {name: counts[name] for name in splits}


def _rank(pair: Pair) -> int:
    name = f"{pair.split}\0{pair.id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big")
