"""A torch Dataset of one split, which loads rows of the shards as tokens and pixels.

The worker processes of `model.data.loader` read texts from a memory-mapped file, tokenise them, and decode images. A
row with an unusable image is skipped and reported.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import BatchSampler, Dataset

from entityclip.contract.image_rules import BadImage, decode_image
from model.clip.tokenize import TextReader
from model.clip.towers import Towers, image_size
from model.data.batch_sampler import RandomBatchSampler, sequential_batches
from model.data.images import DEFAULT_LIMIT, BadImages, Preprocessing
from model.data.samples import BadRow, LoadedRows, PackedRow, SampleCache
from model.data.segments import segments_that_fit
from model.data.shards import SplitRows
from model.data.workers import count_workers
from model.errors import ModelError
from model.rng import seeded

TRUNCATION_SAMPLE = 20_000  # rows; enough to estimate a share to within 0.7 points (95 % confidence)
WINDOW = 8192  # packed rows shuffled together; two windows are held in memory, about 20 KB per row


class Truncation(NamedTuple):
    """Shares of captions and of explanations that exceed the context length."""

    captions: float
    explanations: float | None  # None if explanations are not counted
    rows: int  # rows counted: all, or a sample


class TripleDataset(Dataset[LoadedRows]):
    """The rows of a split and their metadata; rows are loaded by row number, many at a time.

    Every process loads a row identically. Worker processes receive only what they need for loading, so what
    is sent to them does not grow with the split.

    Attributes:
        ids, topics: id and topic of each row, read from disk on access.
        image_group, caption_group, key_group: (N,) int64; rows with the same image, caption or key share a number.
        anchors, segments: explanations encoded before training, whole (N, D) and by segment (N, K, D), 0 where there
            are fewer than K; set by training if the method uses them.
        failures: reasons why images could not be used, by row id, for the rows loaded so far.
        cache: the loaded rows, if `model.data.loader.cache_samples` has cached them.
        reads_explanations: whether explanation tokens are loaded.
        is_packed: whether shards contain images; if so, rows are best read in the order of their row groups.
        trim: whether a batch's token ids are cut to the length of its longest text.
        workers: number of processes that load batches; 0: this process loads them.
    """

    def __init__(
        self,
        rows: SplitRows,
        towers: Towers,
        *,
        explanations: bool,
        count_explanations: bool = False,
        trim: bool = False,
        workers: int | None = 0,
        max_bad_images: float = DEFAULT_LIMIT,
    ) -> None:
        """Group equal rows and count truncated texts.

        Args:
            explanations: whether to load explanation tokens (`reads_explanations`).
            trim: as in the attributes; only valid if the method does not read padding.
            workers: as in the attributes; None: one per core.
            count_explanations: count truncated explanations even if they are not loaded.
            max_bad_images: maximum share of rows with an unusable image, rounded up to whole rows.

        Raises ModelError for a missing image root, images packed at a smaller size than the model's input, and a
        tokenizer that does not match the towers.
        """
        self._rows = rows.triples
        self.reads_explanations = explanations
        self._unexplained: frozenset[int] = frozenset()
        self.tokenize = TextReader(towers)
        self.preprocessing = Preprocessing(towers.transform)
        self.image_size = image_size(towers.clip)
        self.source = rows.source
        self.is_packed = bool(self._rows.row_index["packed"].any())
        self._check_images()
        self.trim, self.workers = trim, count_workers(workers)
        known_bad = int(self._rows.row_index["known_bad"].sum())
        self.failures = BadImages(len(self), max_bad_images, expected=known_bad)
        self.ids = self._rows.column("id")
        self.topics = self._rows.column("topic")
        self.image_group = self._rows.picture_groups()
        self.caption_group = self._rows.groups("caption")
        self.key_group = self._rows.groups("key")
        self.anchors: Tensor | None = None
        self.segments: Tensor | None = None
        self.cache: SampleCache | None = None
        self.truncation = self._count_truncated(explanations or count_explanations)

    def __getstate__(self) -> dict[str, Any]:
        loading = ("_rows", "reads_explanations", "_unexplained", "tokenize", "preprocessing", "image_size")
        return {name: getattr(self, name) for name in loading} | {"cache": None}

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: int) -> LoadedRows:
        """Load one row; if its image is unusable, the result has no rows and one failure."""
        return self.__getitems__([row])

    def __getitems__(self, rows: Sequence[int | PackedRow]) -> LoadedRows:
        """Load rows, skipping those without a usable image; the result may have no rows at all."""
        numbers = [row.row if isinstance(row, PackedRow) else row for row in rows]
        if self.cache is not None:
            return self.cache.loaded(numbers)
        images = [*zip(numbers, map(self._pixels, rows), strict=True)]
        usable = [row for row, image in images if isinstance(image, Tensor)]
        pixels = [image for _, image in images if isinstance(image, Tensor)]
        return LoadedRows(
            usable,
            torch.stack(pixels) if pixels else torch.zeros((0, 3, *self.image_size), dtype=torch.uint8),
            self._tokens("caption", usable)[0],
            self._explanations(usable) if self.reads_explanations else None,
            [BadRow(row, image) for row, image in images if isinstance(image, str)],
        )

    def training_sampler(self, batch_size: int, seed: int) -> RandomBatchSampler:
        """Return a random-order sampler for training. Raises ModelError if the rows do not fill a batch.

        Packed images are read in whole row groups, once per epoch, so their rows are shuffled within windows of WINDOW
        rows. If images are not packed, the order does not depend on the shards.
        """
        if len(self) < batch_size and (left_out := self.source.left_out()):
            raise ModelError(
                f"the training split has {len(self)} usable rows, fewer than optim.batch_size={batch_size}; "
                f"{left_out}, add rows, or reduce optim.batch_size"
            )
        return RandomBatchSampler(len(self), batch_size, seed, self._blocks(), WINDOW)

    def sequential_sampler(self, batch_size: int) -> BatchSampler:
        """Return a sampler that covers all rows once, ordered for fast reading: by id, or by row group if packed."""
        return sequential_batches(len(self), batch_size, self._blocks())

    def read_ahead(self) -> Callable[[list[int]], list[int | PackedRow]]:
        """Return a function that turns row numbers into PackedRows where images are packed; it caches two windows."""
        images, location = self._rows.images.keeping(2 * WINDOW), self._rows.location
        packed = self._rows.row_index["packed"]
        return lambda rows: [PackedRow(row, images.read(*location(row))) if packed[row] else row for row in rows]

    def note_failures(self, failures: Iterable[BadRow]) -> None:
        """Record failures by id. Raises ModelError if more images have failed than allowed."""
        for bad in failures:
            self.failures.add(self.ids[bad.row], bad.why)

    def explanation_tokens(self, rows: list[int]) -> Tensor:
        """Return the token ids (R, context_length) int64 of the explanations of R rows."""
        return self._tokens("explanation", rows)[0].long()

    def without_explanations(self, rows: Iterable[int]) -> None:
        """Read an empty text as the explanation of these rows from now on."""
        self._unexplained = frozenset(rows)

    def explanation_segments(self, rows: list[int]) -> tuple[Tensor, Tensor]:
        """Return token ids (S, context_length) int64 of R rows' explanations by segment, and the segments' number (R,).

        Every part of an explanation is in a segment that fits the context length (`model.data.segments`).
        """
        texts = self._explanation_texts(rows)
        found = [segments_that_fit(text, self.tokenize.fits) or [text] for text in texts]
        ids, _ = self.tokenize([segment for of_row in found for segment in of_row], "explanations")
        return ids.long(), torch.tensor([len(of_row) for of_row in found])

    def summary(self) -> str:
        """Return one line with the number of pairs, shares of truncated texts, and number of unusable images."""
        cut = f"{100 * self.truncation.captions:.1f} % of captions"
        if self.truncation.explanations is not None:
            cut += f" and {100 * self.truncation.explanations:.1f} % of explanations"
        sample = f" (in a sample of {self.truncation.rows:,})" if self.truncation.rows < len(self) else ""
        bad = [f"{len(self.failures)} images could not be used"] if self.failures else []
        return ", ".join([f"{len(self)} pairs", f"{cut} truncated{sample}", *bad])

    def _pixels(self, row: int | PackedRow) -> Tensor | str:
        """Return pixels (3, H, W) uint8, or the reason why the row's image cannot be used."""
        number, data = row if isinstance(row, PackedRow) else (row, self._rows.packed_image(row))
        root, path = self._rows.image_root(number), self._rows.text("path", number)
        try:
            return self.preprocessing.pixels(decode_image(root, path, data, max(self.image_size)))
        except BadImage as error:
            return str(error)

    def _tokens(self, column: str, rows: Sequence[int]) -> tuple[Tensor, int]:
        """Return token ids (R, context_length) int32 of a column's texts, and the number of truncated texts."""
        return self.tokenize([self._rows.text(column, row) or "" for row in rows], f"{column}s")

    def _explanations(self, rows: Sequence[int]) -> Tensor:
        return self.tokenize(self._explanation_texts(rows), "explanations")[0]

    def _explanation_texts(self, rows: Sequence[int]) -> list[str]:
        return ["" if row in self._unexplained else self._rows.text("explanation", row) or "" for row in rows]

    def _blocks(self) -> np.ndarray | None:
        """Return the row group number of each row (N,) if images are packed, else None."""
        return self._rows.row_groups() if self.is_packed else None

    def _check_images(self) -> None:
        index, roots = self._rows.row_index, self._rows.roots
        for number in np.unique(index["root"][~index["packed"]]):
            if not roots[number].is_dir():
                raise ModelError(f"no image root at {roots[number]}; set data.image_root to the folder of the images")
        height, width = self.image_size
        if self.source.packed_at is not None and self.source.packed_at < min(height, width):
            raise ModelError(
                f"split {self.source.split} has images packed at {self.source.packed_at} pixels, but the model needs "
                f"{height} x {width}; pack the split again with --size {max(height, width)} or more"
            )

    def _count_truncated(self, explanations: bool) -> Truncation:
        rows: list[int] = list(range(len(self)))
        if len(rows) > TRUNCATION_SAMPLE:
            rows = torch.randperm(len(rows), generator=seeded(0, "truncation sample"))[:TRUNCATION_SAMPLE].tolist()
        cut = self._tokens("caption", rows)[1] / len(rows)
        return Truncation(cut, self._tokens("explanation", rows)[1] / len(rows) if explanations else None, len(rows))
