import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model import retrieval
from model.errors import ModelError
from model.retrieval import Groups, by_chance, mean_recall, ranks, summarise


def brute_force(scores: np.ndarray, right: np.ndarray) -> list[int]:
    """Sort each row by hand; among equal scores the wrong ones come first."""
    found = []
    for row, answers in zip(scores, right, strict=True):
        order = sorted(range(len(row)), key=lambda j: (-row[j], answers[j]))
        found.append(1 + next(place for place, j in enumerate(order) if answers[j]))
    return found


@given(st.integers(1, 14), st.integers(0, 2**31), st.integers(1, 4), st.integers(1, 60))
def test_ranks_equal_brute_force(size, seed, kinds, chunk):
    rng = np.random.default_rng(seed)
    # few distinct small integers: many exact ties, and products without rounding
    queries, gallery = (rng.integers(-1, 2, (size, 3)).astype(np.float32) for _ in range(2))
    images, captions = (rng.integers(0, kinds * size, size) for _ in range(2))
    groups = Groups(image=torch.tensor(images), caption=torch.tensor(captions))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval, "_CHUNK_SCORES", chunk)
        found, count = ranks(torch.tensor(queries), torch.tensor(gallery), groups)
    right = (images[:, None] == images) | (captions[:, None] == captions)
    assert found.tolist() == brute_force(queries @ gallery.T, right)
    assert count.tolist() == right.sum(axis=1).tolist()


def test_ties_count_against_us():
    same = torch.ones(6, 2)
    groups = Groups(image=torch.arange(6), caption=torch.arange(6))
    assert ranks(same, same, groups)[0].tolist() == [6] * 6


def test_embeddings_that_are_not_finite_are_refused():
    broken = torch.tensor([[1.0, float("nan")], [0.0, 1.0]])
    with pytest.raises(ModelError, match="not finite"):
        ranks(broken, broken, Groups(image=torch.arange(2), caption=torch.arange(2)))


def test_summary():
    metrics = summarise(torch.tensor([1, 2, 6, 11]))
    assert metrics == {"R@1": 25.0, "R@5": 50.0, "R@10": 75.0, "median_rank": 4.0, "mean_rank": 5.0}
    assert mean_recall(metrics, metrics) == 50.0


@given(st.integers(1, 30), st.integers(0, 1000))
def test_chance_is_what_random_orders_give(gallery, seed):
    rng = np.random.default_rng(seed)
    right = int(rng.integers(1, gallery + 1))
    orders = rng.permuted(np.tile(np.arange(gallery), (4000, 1)), axis=1)
    simulated = summarise(torch.tensor((orders < right).argmax(axis=1) + 1))
    expected = by_chance(torch.tensor([right]), gallery)
    for name, value in expected.items():
        assert abs(value - simulated[name]) < (4.0 if name.startswith("R@") else 0.15 * gallery + 0.1), name
