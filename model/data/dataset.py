"""Triples for training and evaluation: rows of the shards as tokens, pixels and groups, batch by batch.

In memory are the rows' order, places and groups. Texts are read from a memory-mapped file and tokenised where they are
used; images are decoded by worker processes. Where a split is small, its tokens and its pixels are kept: that changes
time, never a batch. An image that cannot be used costs its row and is reported.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from model.clip.towers import Towers
from model.data.batch_order import BatchOrder
from model.data.images import DEFAULT_LIMIT, BadImages
from model.data.loader import CHUNK, LoadedRows, LoadRequest, RowCache, RowLoader, RowRequests, chunks
from model.data.shards import SplitRows
from model.data.triple_table import TripleTable
from model.data.workers import ReadAhead, begin_server, loaded_by_workers, workers_here
from model.errors import ModelError
from model.method.batch import Batch
from model.rng import seeded

TRUNCATION_SAMPLE = 20_000  # rows; of a sample of so many, a share is off by less than 0.7 points (95 %)
WINDOW = 8192  # rows of packed images that are shuffled together; two windows are in memory, about 20 KB a row
_FEW = 4096  # rows that are loaded sooner than workers have started
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Truncation:
    """Texts that exceed the context length."""

    captions: float  # share
    explanations: float | None  # share; None where explanations are not read
    rows: int  # that were counted: all, or a sample


class TripleDataset:
    """A split, ready to be read in any order: groups, topics, and batches."""

    def __init__(
        self,
        rows: SplitRows,
        towers: Towers,
        *,
        explanations: bool,
        cache_mib: int,
        count_explanations: bool = False,
        trim: bool = False,
        workers: int | None = 0,
        max_bad_images: float = DEFAULT_LIMIT,
    ) -> None:
        """Count truncated texts, and decode all images if their pixels fit in `cache_mib`.

        Args:
            explanations: batches have their tokens.
            count_explanations: the truncated ones are counted even if batches do not have their tokens.
            trim: cut the texts of a batch to its longest; the caller knows that nothing reads padding.
            workers: processes that load batches; 0: this one, None: one a core.
            max_bad_images: share of the rows, rounded up, whose image may be unusable.

        Raises ModelError: no image root, too many bad images, a tokenizer that does not belong to the towers.
        """
        self._rows: TripleTable = rows.triples
        self._requests = RowRequests(self._rows)
        self._trim, self._workers = trim, workers_here(workers)
        self._loader = RowLoader(self._rows.texts, towers, explanations=explanations)
        self._kept: RowCache | None = None
        self.source = rows.source
        self.failures = BadImages(len(self._rows), max_bad_images, expected=int(self._rows.places.known_bad.sum()))
        self.ids = self._rows.column("id")
        self.topics = self._rows.column("topic")
        self.image_group = self._rows.picture_groups()
        self.caption_group = self._rows.groups("caption")
        self.key_group = self._rows.groups("key")
        self.anchors: Tensor | None = None  # (N, D) by row, given by whoever trains with them
        self.truncation = self._count_truncated(explanations or count_explanations)
        height, width = self._loader.image_size
        if rows.source.packed_at is not None and rows.source.packed_at < min(height, width):
            raise ModelError(
                f"split {rows.source.split} is packed with images of {rows.source.packed_at} pixels, the model reads "
                f"{height} x {width}; pack it anew with --size {max(height, width)} or more"
            )
        if len(self) * 3 * height * width <= cache_mib * 2**20:
            self._kept = self._load_all()
        elif self._workers:
            begin_server()

    def __len__(self) -> int:
        return len(self._rows)

    def summary(self) -> str:
        """One line about what there is to train on."""
        cut = f"{100 * self.truncation.captions:.1f} % of captions"
        if self.truncation.explanations is not None:
            cut += f" and {100 * self.truncation.explanations:.1f} % of explanations"
        cut += " truncated" + (
            f" (in a sample of {self.truncation.rows:,})" if self.truncation.rows < len(self) else ""
        )
        bad = [f"{len(self.failures)} images could not be used"] if self.failures else []
        return ", ".join([f"{len(self)} pairs", cut, *bad])

    def order(self, batch_size: int, seed: int) -> BatchOrder:
        """The order to train in: every row once an epoch. Raises ModelError if the rows do not fill a batch.

        Any order of all rows, whatever shards they are in; but packed images are read by row group, each once an
        epoch, and their rows meet within windows of WINDOW rows.
        """
        if not self._requests.are_packed:
            return BatchOrder(len(self), batch_size, seed)
        return BatchOrder(len(self), batch_size, seed, self._requests.blocks(), WINDOW)

    def in_reading_order(self, batch_size: int) -> Iterator[list[int]]:
        """All rows once, in the order in which they are read fastest: that of their ids, or as they are packed."""
        by_place = np.arange(len(self))
        if self._requests.are_packed:
            by_place = np.argsort(self._requests.blocks(), kind="stable")
        for start in range(0, len(self), batch_size):
            yield by_place[start : start + batch_size].tolist()

    def batches(self, numbers: Iterable[list[int]], device: torch.device = _CPU) -> Iterator[tuple[Batch, list[int]]]:
        """The batches of these lists of rows, in their order, loaded ahead by the workers; each as `batch` gives it.

        On `device`; for a GPU through pinned memory. Raises ModelError as `batch` does.
        """
        lists = iter(numbers)
        first = next(lists, None)
        if first is None:
            return
        coming: deque[list[int]] = deque()
        images = self._rows.images.keeping(2 * WINDOW) if self._kept is None else None  # of its own: a thread reads it

        def requests() -> Iterator[LoadRequest]:
            for rows in chain([first], lists):
                coming.append(rows)
                for chunk in chunks(rows):
                    yield self._requests.of(chunk, images)

        ahead = 2 * len(chunks(first))  # two batches of this size
        parts: list[LoadedRows] = []
        for part in self._loaded(requests(), ahead, pin=device.type == "cuda"):
            parts.append(part)
            if sum(len(p.rows) + len(p.failures) for p in parts) == len(coming[0]):
                coming.popleft()
                yield self._finished(parts, device)
                parts = []

    def batch(self, rows: list[int]) -> tuple[Batch, list[int]]:
        """Load some rows here; returns the batch and which rows are in it, those whose image could be used.

        Raises ModelError once more images have failed than may.
        """
        loader, images = (self._loader, self._rows.images) if self._kept is None else (self._kept, None)
        return self._finished([loader[self._requests.of(chunk, images)] for chunk in chunks(rows)], _CPU)

    def explanation_tokens(self, rows: list[int]) -> Tensor:
        """Token ids (R, context_length) of the explanations of some rows."""
        return self._loader.tokens("explanation", self._rows.explanation_order[rows].tolist())[0].long()

    def _loaded(self, requests: Iterator[LoadRequest], ahead: int, *, pin: bool) -> Iterator[LoadedRows]:
        if self._kept is not None:
            return loaded_by_workers(self._kept, requests, workers=0, ahead=0, pin=pin)
        if self._requests.are_packed:
            requests = iter(ReadAhead(requests, ahead))
        return loaded_by_workers(self._loader, requests, workers=self._workers, ahead=ahead, pin=pin)

    def _finished(self, parts: list[LoadedRows], device: torch.device) -> tuple[Batch, list[int]]:
        rows = [row for part in parts for row in part.rows]
        self._note_failures(parts)
        pixels = [part.pixels.to(device, non_blocking=True) for part in parts]
        explanations = [part.explanations for part in parts if part.explanations is not None]
        batch = Batch(
            ids=[self.ids[row] for row in rows],
            images=self._loader.preprocessing.normalised(torch.cat(pixels) if len(pixels) > 1 else pixels[0]),
            captions=self._texts([part.captions for part in parts], device),
            explanations=self._texts(explanations, device) if explanations else None,
            image_group=self.image_group[rows].to(device),
            caption_group=self.caption_group[rows].to(device),
            key_group=self.key_group[rows].to(device),
            anchors=None if self.anchors is None else self.anchors[rows].to(device).float(),
        )
        return batch, rows

    def _texts(self, parts: list[Tensor], device: torch.device) -> Tensor:
        tokens = torch.cat(parts)
        if self._trim and len(tokens):
            tokens = tokens[:, : int(self._loader.read.end_position(tokens).max()) + 1]
        return tokens.to(device).long()

    def _note_failures(self, parts: list[LoadedRows]) -> None:
        for part in parts:
            for row, why in part.failures:
                self.failures.add(self.ids[row], why)

    def _count_truncated(self, explanations: bool) -> Truncation:
        rows: list[int] = list(range(len(self)))
        if len(rows) > TRUNCATION_SAMPLE:
            rows = torch.randperm(len(rows), generator=seeded(0, "truncation sample"))[:TRUNCATION_SAMPLE].tolist()
        cut = self._loader.tokens("caption", self._rows.order[rows].tolist())[1]
        cut_too = (
            self._loader.tokens("explanation", self._rows.explanation_order[rows].tolist())[1] if explanations else None
        )
        return Truncation(cut / len(rows), None if cut_too is None else cut_too / len(rows), len(rows))

    def _load_all(self) -> RowCache:
        kept = RowCache()
        requests = (self._requests.of(rows, self._rows.images) for rows in self.in_reading_order(CHUNK))
        workers = self._workers if len(self) > _FEW else 0
        with tqdm(total=len(self), desc="images", unit="image", disable=None, leave=False) as bar:
            for part in loaded_by_workers(self._loader, requests, workers=workers, ahead=0):
                self._note_failures([part])
                kept.keep(part)
                bar.update(len(part.rows) + len(part.failures))
        return kept
