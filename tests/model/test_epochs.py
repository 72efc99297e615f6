from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.epochs import epoch_batches
from model.errors import ModelError


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**31 - 1))
def test_an_epoch_sees_no_row_twice(count, batch_size, seed):
    if count < batch_size:
        with pytest.raises(ModelError, match=r"fewer than optim\.batch_size"):
            epoch_batches(count, batch_size, seed)
        return
    full = count // batch_size
    seen = list(islice(epoch_batches(count, batch_size, seed), 3 * full))
    for epoch in range(3):
        rows = [row for batch in seen[epoch * full : (epoch + 1) * full] for row in batch]
        assert len(set(rows)) == full * batch_size and set(rows) <= set(range(count))
    assert seen == list(islice(epoch_batches(count, batch_size, seed), 3 * full))


def test_epochs_and_seeds_differ():
    first = list(islice(epoch_batches(30, 30, 1), 2))
    assert first[0] != first[1] != next(epoch_batches(30, 30, 2))
