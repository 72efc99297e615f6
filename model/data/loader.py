"""Prefetching: workers load a batch sampler's rows in chunks, which this process assembles into batches.

Workers send integer tokens and uint8 pixels; this process joins them, moves them to the device and normalises pixels.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import chain, islice
from traceback import clear_frames
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from model.data.samples import LoadedRows, SampleCache
from model.data.workers import begin_worker, start_fork_server, worker_lifeline
from model.errors import ModelError
from model.method.batch import Batch

if TYPE_CHECKING:  # open_clip takes seconds to import
    from model.data.dataset import TripleDataset

CHUNK = 64  # rows per worker task; several workers share a batch, so that the first batch is ready early
_FEW = 4096  # rows; loading fewer takes less time than starting workers
_CPU = torch.device("cpu")
Item = TypeVar("Item")
Result = TypeVar("Result")


def cache_samples(dataset: "TripleDataset", limit_mib: int) -> bool:
    """Cache all rows in memory if their pixels fit in `limit_mib`, and return whether they do.

    Batches are the same with and without a cache. Raises ModelError if too many images cannot be used.
    """
    count, (height, width) = len(dataset), dataset.image_size
    if count * 3 * height * width > limit_mib * 2**20:
        return False
    length = dataset.tokenize.context_length
    cache = SampleCache(count, dataset.image_size, length, explanations=dataset.reads_explanations)
    chunks = map(dataset.read_ahead(), dataset.sequential_sampler(CHUNK))
    workers = dataset.workers if count > _FEW else 0
    with tqdm(total=count, desc="images", unit="image", disable=None, leave=False) as bar:
        for loaded in load_chunks(dataset, chunks, workers=workers):
            dataset.note_failures(loaded.failures)
            cache.add(loaded)
            bar.update(len(loaded.rows) + len(loaded.failures))
    dataset.cache = cache
    return True


def load_batches(
    dataset: "TripleDataset", batch_sampler: Iterable[list[int]], device: torch.device = _CPU
) -> Iterator[tuple[Batch, list[int]]]:
    """Yield a batch for each list of rows, prefetched by the dataset's workers; endless if the sampler is endless.

    Each batch is on `device` (copied through pinned memory for a GPU) and comes with its row numbers; rows without a
    usable image are left out.

    Raises ModelError if more images have failed than allowed, and in the cases listed for `load_chunks`.
    """
    batches = iter(batch_sampler)
    first = next(batches, None)
    if first is None:
        return
    ahead = 2 * len(_chunks(first))  # number of chunks in two batches
    chunk_counts: deque[int] = deque()  # number of chunks of each batch being loaded

    def chunks() -> Iterator[list[int]]:
        for rows in chain([first], batches):
            of_batch = _chunks(rows)
            chunk_counts.append(len(of_batch))
            yield from of_batch

    to_load: Iterator[Any] = chunks()
    if dataset.is_packed and dataset.cache is None:
        to_load = map_ahead(dataset.read_ahead(), to_load, ahead)
    workers = dataset.workers if dataset.cache is None else 0
    loaded = load_chunks(dataset, to_load, workers=workers, ahead=ahead, pin=device.type == "cuda")
    for part in loaded:
        yield _batch(dataset, [part, *islice(loaded, chunk_counts.popleft() - 1)], device)


def load_chunks(
    dataset: Dataset[Any], chunks: Iterable[list[Any]], *, workers: int, ahead: int = 0, pin: bool = False
) -> Iterator[Any]:
    """Call the dataset's `__getitems__` on each chunk, in `workers` processes (0: in this one); yield results in order.

    About `ahead` chunks are prefetched, at least two per worker. With `pin`, tensors are in pinned memory.

    Raises ModelError if a worker dies; exceptions of `dataset` propagate.
    """
    if workers:
        start_fork_server()
    with worker_lifeline() as lifeline:
        loader = DataLoader(
            dataset,
            batch_sampler=chunks,
            collate_fn=_as_loaded,
            num_workers=workers,
            multiprocessing_context="forkserver" if workers else None,
            worker_init_fn=partial(begin_worker, lifeline),
            prefetch_factor=max(2, -(-ahead // workers)) if workers else None,
            pin_memory=pin,
            generator=torch.Generator(),  # the default draws from the global generator, which changes resumed runs
        )
        try:
            yield from loader
        except BaseException as error:
            clear_frames(error.__traceback__)  # they reference the loader's iterator, which keeps the workers alive
            if not isinstance(error, RuntimeError) or "DataLoader worker" not in str(error):
                raise
            raise ModelError(
                f"a data loading worker died ({error}). If memory or shared memory (/dev/shm in a container) is short, "
                "reduce data.workers; if it is 0, the training process loads the data itself"
            ) from error


def map_ahead(function: Callable[[Item], Result], items: Iterable[Item], depth: int) -> Iterator[Result]:
    """Yield `function(item)` for each item in order, computed by a thread that runs up to `depth` items ahead.

    Exceptions of `function` propagate.
    """
    pool = ThreadPoolExecutor(1, "read-ahead")
    under_way: deque[Future[Result]] = deque()
    try:
        for item in items:
            under_way.append(pool.submit(function, item))
            if len(under_way) > depth:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _as_loaded(rows: Any) -> Any:
    """Return a chunk's rows unchanged (as collate function), since the dataset has already combined them."""
    return rows


def _chunks(rows: list[int]) -> list[list[int]]:
    """Split rows into chunks; if there are no rows, return one empty chunk."""
    return [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)] or [[]]


def _batch(dataset: "TripleDataset", parts: list[LoadedRows], device: torch.device) -> tuple[Batch, list[int]]:
    """Join parts into a batch on `device`; return it and its row numbers. Raises ModelError if too many images fail."""
    dataset.note_failures(chain.from_iterable(part.failures for part in parts))
    rows = [row for part in parts for row in part.rows]
    pixels = [part.pixels.to(device, non_blocking=True) for part in parts]
    explanations = [part.explanations for part in parts if part.explanations is not None]
    batch = Batch(
        ids=[dataset.ids[row] for row in rows],
        images=dataset.preprocessing.normalised(torch.cat(pixels) if len(pixels) > 1 else pixels[0]),
        captions=_texts(dataset, [part.captions for part in parts], device),
        explanations=_texts(dataset, explanations, device) if explanations else None,
        image_group=dataset.image_group[rows].to(device),
        caption_group=dataset.caption_group[rows].to(device),
        key_group=dataset.key_group[rows].to(device),
        anchors=None if dataset.anchors is None else dataset.anchors[rows].to(device).float(),
        segments=None if dataset.segments is None else dataset.segments[rows].to(device).float(),
    )
    return batch, rows


def _texts(dataset: "TripleDataset", parts: list[Tensor], device: torch.device) -> Tensor:
    """Return token ids (B, Lt) int64; Lt is the length of the longest text if trimmed, else the context length."""
    tokens = torch.cat(parts)
    if dataset.trim and len(tokens):
        tokens = tokens[:, : int(dataset.tokenize.end_position(tokens).max()) + 1]
    return tokens.to(device).long()
