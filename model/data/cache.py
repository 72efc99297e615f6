"""In-memory cache of a small split's samples: images are decoded once; batches do not change."""

from collections.abc import Sequence
from functools import partial

import torch
from tqdm import tqdm

from model.data.dataset import BadSample, LoadedRows, Sample, TripleDataset
from model.data.loader import CHUNK, load_chunks

_FEW = 4096  # rows; fewer are loaded faster than workers start


def cache_samples(dataset: TripleDataset, limit_mib: int) -> bool:
    """Cache all samples if their pixels fit in `limit_mib`, and return whether they do.

    Raises ModelError if too many images cannot be used.
    """
    height, width = dataset.image_size
    if len(dataset) * 3 * height * width > limit_mib * 2**20:
        return False
    cache = SampleCache(dataset)
    chunks = map(partial(dataset.with_packed_images, dataset.packed_images()), dataset.sequential_sampler(CHUNK))
    workers = dataset.workers if len(dataset) > _FEW else 0
    with tqdm(total=len(dataset), desc="images", unit="image", disable=None, leave=False) as bar:
        for loaded in load_chunks(dataset, chunks, dataset.collate, workers=workers):
            dataset.note_failures(loaded.failures)
            cache.keep(loaded)
            bar.update(len(loaded.rows) + len(loaded.failures))
    dataset.cache = cache
    return True


class SampleCache:
    """Loaded samples of all rows of a dataset."""

    def __init__(self, dataset: TripleDataset) -> None:
        count, texts = len(dataset), (len(dataset), dataset.tokenize.context_length)
        self._pixels = torch.empty((count, 3, *dataset.image_size), dtype=torch.uint8)
        self._captions = torch.empty(texts, dtype=torch.int32)
        self._explanations = torch.empty(texts, dtype=torch.int32) if dataset.reads_explanations else None
        self._failures: dict[int, BadSample] = {}

    def keep(self, loaded: LoadedRows) -> None:
        """Store loaded rows."""
        self._pixels[loaded.rows], self._captions[loaded.rows] = loaded.pixels, loaded.captions
        if self._explanations is not None and loaded.explanations is not None:
            self._explanations[loaded.rows] = loaded.explanations
        self._failures |= {bad.row: bad for bad in loaded.failures}

    def samples(self, rows: Sequence[int]) -> list[Sample | BadSample]:
        """Return the samples of stored rows, as the dataset loads them."""
        explanations = self._explanations
        return [
            self._failures.get(row)
            or Sample(row, self._pixels[row], self._captions[row], None if explanations is None else explanations[row])
            for row in rows
        ]
