"""Loading ahead of the training loop: a batch sampler's rows go to workers in chunks, and come back as batches.

Tokens and pixels travel as bytes; batches are put together, normalised and moved to their device in this process.
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

from model.data.workers import begin_worker, start_fork_server, worker_lifeline
from model.errors import ModelError
from model.method.batch import Batch

if TYPE_CHECKING:  # open_clip takes seconds to import
    from model.data.dataset import LoadedRows, TripleDataset

CHUNK = 64  # rows that a worker loads at a time: several share a batch, so the first is there soon
_CPU = torch.device("cpu")
Item = TypeVar("Item")
Result = TypeVar("Result")


def load_batches(
    dataset: "TripleDataset", batch_sampler: Iterable[list[int]], device: torch.device = _CPU
) -> Iterator[tuple[Batch, list[int]]]:
    """The batches of these lists of rows, in their order, loaded ahead by the dataset's workers; endless if they are.

    Each on `device` (for a GPU through pinned memory), with the rows that are in it: those whose image could be used.
    Raises ModelError once more images have failed than may, and as `load_chunks` does.
    """
    batches = iter(batch_sampler)
    first = next(batches, None)
    if first is None:
        return
    ahead = 2 * len(_chunks(first))  # two batches of this size
    under_way: deque[int] = deque()  # chunks of each batch

    def chunks() -> Iterator[list[int]]:
        for rows in chain([first], batches):
            of_batch = _chunks(rows)
            under_way.append(len(of_batch))
            yield from of_batch

    to_load: Iterator[Any] = chunks()
    if dataset.is_packed and dataset.cache is None:
        to_load = map_ahead(partial(dataset.with_packed_images, dataset.packed_images()), to_load, ahead)
    workers = dataset.workers if dataset.cache is None else 0
    loaded = load_chunks(dataset, to_load, dataset.collate, workers=workers, ahead=ahead, pin=device.type == "cuda")
    for part in loaded:
        yield _batch(dataset, [part, *islice(loaded, under_way.popleft() - 1)], device)


def load_chunks(
    dataset: Dataset[Any],
    chunks: Iterable[list[Any]],
    collate: Callable[[list[Any]], Result],
    *,
    workers: int,
    ahead: int = 0,
    pin: bool = False,
) -> Iterator[Result]:
    """The collated samples of each chunk, in their order, made by `workers` processes (0: by this one).

    About `ahead` chunks are under way at a time, at least two a worker. With `pin`, tensors come in pinned memory.
    Raises ModelError if a worker dies, and what `dataset` raises.
    """
    if workers:
        start_fork_server()
    with worker_lifeline() as lifeline:
        loader = DataLoader(
            dataset,
            batch_sampler=chunks,
            collate_fn=collate,
            num_workers=workers,
            multiprocessing_context="forkserver" if workers else None,
            worker_init_fn=partial(begin_worker, lifeline),
            prefetch_factor=max(2, -(-ahead // workers)) if workers else None,
            pin_memory=pin,
            generator=torch.Generator(),  # else it draws from the global one, and a resumed run would differ
        )
        try:
            yield from loader
        except BaseException as error:
            clear_frames(error.__traceback__)  # they hold the loader's iterator, with which the workers end
            if not isinstance(error, RuntimeError) or "DataLoader worker" not in str(error):
                raise
            raise ModelError(
                f"a worker that loads data died ({error}). Where memory is short, or shared memory (/dev/shm in a "
                "container), set data.workers lower; 0 loads in the training process"
            ) from error


def map_ahead(function: Callable[[Item], Result], items: Iterable[Item], depth: int) -> Iterator[Result]:
    """`function` of each item, in their order, computed by one thread `depth` items ahead of whoever reads them.

    What `function` raises is raised here.
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


def _chunks(rows: list[int]) -> list[list[int]]:
    """The same rows in parts; at least one, which may be empty."""
    return [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)] or [[]]


def _batch(dataset: "TripleDataset", parts: "list[LoadedRows]", device: torch.device) -> tuple[Batch, list[int]]:
    """The parts as one batch on the device, and its rows. Raises ModelError if too many images have failed."""
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
    )
    return batch, rows


def _texts(dataset: "TripleDataset", parts: list[Tensor], device: torch.device) -> Tensor:
    """(B, Lt) int64 token ids, Lt the longest text's or the context length."""
    tokens = torch.cat(parts)
    if dataset.trim and len(tokens):
        tokens = tokens[:, : int(dataset.tokenize.end_position(tokens).max()) + 1]
    return tokens.to(device).long()
