from itertools import islice

import numpy as np
import pytest
from hypothesis import given, strategies as st

from model.data.batch_sampler import RandomBatchSampler, sequential_batches
from model.errors import ModelError

SEEDS = st.integers(0, 2**31 - 1)


@given(st.integers(1, 40), st.integers(1, 40), SEEDS)
def test_an_epoch_sees_no_row_twice(count, batch_size, seed):
    if count < batch_size:
        with pytest.raises(ModelError, match=r"fewer than optim\.batch_size"):
            RandomBatchSampler(count, batch_size, seed)
        return
    full = count // batch_size
    seen = list(islice(RandomBatchSampler(count, batch_size, seed), 3 * full))
    for epoch in range(3):
        rows = [row for batch in seen[epoch * full : (epoch + 1) * full] for row in batch]
        assert len(set(rows)) == full * batch_size and set(rows) <= set(range(count))
        assert full * batch_size == count or count % batch_size == count - len(rows)


@given(st.integers(2, 60), st.data(), SEEDS)
def test_any_batch_is_known_without_those_before_it(count, data, seed):
    batch_size = data.draw(st.integers(1, count))
    blocks = data.draw(st.none() | st.lists(st.integers(0, 9), min_size=count, max_size=count).map(np.array))

    def sampler(start=0):
        made = RandomBatchSampler(count, batch_size, seed, blocks, window=7)
        made.start = start
        return made

    seen = list(islice(sampler(), 12))
    number = data.draw(st.integers(0, 11))
    assert sampler().batch(number) == seen[number]
    assert list(islice(sampler(number), 12 - number)) == seen[number:]


@given(st.lists(st.integers(1, 6), min_size=1, max_size=20), st.integers(1, 20), SEEDS)
def test_the_rows_of_a_block_are_read_within_one_window(sizes, window, seed):
    blocks = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    count = len(blocks)
    for epoch in range(2):
        rows = RandomBatchSampler(count, count, seed, blocks, window).batch(epoch)
        assert sorted(rows) == list(range(count))
        for block in range(len(sizes)):
            read_at = np.flatnonzero(blocks[rows] == block)
            assert read_at.max() - read_at.min() < window - 1 + max(sizes)


def test_epochs_seeds_and_windows_differ():
    def first(seed, epoch=0, **how):
        return RandomBatchSampler(30, 30, seed, **how).batch(epoch)

    blocks = np.arange(30) // 5
    assert first(1) != first(1, 1) != first(2)
    assert first(1, blocks=blocks, window=10) != first(1, 1, blocks=blocks, window=10)
    assert first(1, blocks=np.arange(30), window=30) != first(1, blocks=blocks, window=10)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40).map(np.array), st.integers(1, 12))
def test_reading_in_sequence_takes_block_after_block(blocks, batch_size):
    sampler = sequential_batches(len(blocks), batch_size, blocks)
    batches = list(sampler)
    assert len(batches) == len(sampler) and {len(rows) for rows in batches[:-1]} <= {batch_size}
    assert [row for rows in batches for row in rows] == sorted(range(len(blocks)), key=lambda row: (blocks[row], row))
    assert [*sequential_batches(5, 2)] == [[0, 1], [2, 3], [4]]
