"""Who loads a batch, and whether it is kept, changes nothing about it."""

import multiprocessing
from itertools import islice

import pytest
import torch

from model.data.dataset import TripleDataset
from model.data.loader import cache_samples, load_batches, map_ahead
from model.data.shards import read_split
from model.errors import ModelError
from tests.model.doubler import Doubler, doubled


def test_workers_keep_the_order_and_pass_errors_on():
    assert list(doubled(range(50), workers=2, ahead=9)) == list(range(0, 100, 2))
    state = torch.get_rng_state()
    endless = doubled(range(10**9), workers=2)
    assert list(islice(endless, 3)) == [0, 2, 4]
    endless.close()  # type: ignore[attr-defined]
    assert torch.equal(torch.get_rng_state(), state)  # else a resumed run would draw other numbers
    with pytest.raises(ModelError, match="no such number"):
        list(doubled([1, -1], workers=2))
    with pytest.raises(ModelError, match=r"a data loading worker died.*reduce data\.workers"):
        list(doubled([1, -2, 3], workers=1))


@pytest.mark.parametrize("numbers", [[0, 1, 2, 3], [0, -1], [0, 1, -3]], ids=["at work", "failed", "hung"])
@pytest.mark.slow
def test_no_worker_is_left_when_reading_ends(numbers):
    before = set(multiprocessing.active_children())
    loaded = doubled(numbers + list(range(100)), workers=2)
    assert next(loaded) == 0
    workers = set(multiprocessing.active_children()) - before
    assert len(workers) == 2
    try:
        if -1 in numbers:
            next(loaded)
        loaded.close()  # type: ignore[attr-defined]
    except ModelError as error:
        held = error  # noqa: F841 - and with it, the frames that read the workers' results
    for worker in workers:
        worker.join(timeout=120)
    assert not any(worker.is_alive() for worker in workers)


def test_batches_are_the_same_whoever_loads_them(dataset, towers):
    explanations, images = dataset
    hidden = images / "train" / "11.png"
    hidden.rename(hidden.with_suffix(".hidden"))
    try:
        found = []
        for workers, cache_mib in ((0, 0), (2, 0), (0, 1)):
            rows = read_split(explanations, "train", statuses=("ok",))
            triples = TripleDataset(rows, towers, explanations=True, workers=workers, trim=True)
            assert cache_samples(triples, cache_mib) == bool(cache_mib)
            sampler = triples.training_sampler(7, seed=1)
            sampler.start = 2
            found.append((list(load_batches(triples, islice(sampler, 9))), triples))
    finally:
        hidden.with_suffix(".hidden").rename(hidden)
    first, one = found[0]
    assert [rows for _, rows in first] == [
        [row for row in sampler.batch(number) if one.ids[row] != "train-011"] for number in range(2, 11)
    ]
    for batches, triples in found:
        assert dict(triples.failures) == {"train-011": "train/11.png: no such image"}
        for (batch, rows), (other, other_rows) in zip(first, batches, strict=True):
            assert rows == other_rows and batch.ids == other.ids
            for name in ("images", "captions", "explanations", "image_group", "caption_group", "key_group"):
                assert torch.equal(getattr(batch, name), getattr(other, name)), name


def test_reading_ahead_is_no_further_than_it_may_and_ends():
    drawn = []

    def doubles(number: int) -> int:
        drawn.append(number)
        return 2 * number

    some = map_ahead(doubles, range(100), depth=3)
    assert [next(some), next(some)] == [0, 2]
    some.close()  # type: ignore[attr-defined]
    assert drawn == list(range(len(drawn))) and len(drawn) <= 2 + 3
    assert list(map_ahead(doubles, range(100), depth=2)) == list(range(0, 200, 2))
    with pytest.raises(ModelError, match="no such number"):
        list(map_ahead(Doubler().__getitem__, [1, -1], depth=2))
