from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, strategies as st
from torch import Tensor

from model.errors import ModelError
from model.evaluation.clusters import Groups
from model.evaluation.metrics import RECALLS, by_chance, mean_recall, summarise
from model.evaluation.retrieval import Ranks, ranks


def alone(count: int) -> Groups:
    return Groups(image=torch.arange(count), caption=torch.arange(count))


def brute_force(scores: np.ndarray, right: np.ndarray) -> list[int]:
    """Sort each row by hand; among equal scores the wrong ones come first."""
    found = []
    for row, answers in zip(scores, right, strict=True):
        order = sorted(range(len(row)), key=lambda j: (-row[j], answers[j]))
        found.append(1 + next(place for place, j in enumerate(order) if answers[j]))
    return found


def ranked(image: Tensor, text: Tensor, groups: Groups, *, tile: int, threads: int) -> Ranks:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = ranks(image, text, groups, tile=tile)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    return found


@given(st.integers(1, 40), st.integers(0, 2**31), st.integers(1, 4), st.integers(1, 45), st.integers(1, 3))
def test_ranks_equal_brute_force(size: int, seed: int, kinds: int, tile: int, threads: int) -> None:
    """Few distinct small integers: many exact ties, products without rounding. Few groups: long chains of sharing."""
    rng = np.random.default_rng(seed)
    image, text = (rng.integers(-1, 2, (size, 3)).astype(np.float32) for _ in range(2))
    images, captions = (rng.integers(0, kinds * size, size) for _ in range(2))
    groups = Groups(image=torch.tensor(images), caption=torch.tensor(captions))
    found = ranked(torch.tensor(image), torch.tensor(text), groups, tile=tile, threads=threads)
    right = (images[:, None] == images) | (captions[:, None] == captions)
    assert found.image_to_text.tolist() == brute_force(image @ text.T, right)
    assert found.text_to_image.tolist() == brute_force(text @ image.T, right.T)
    assert found.right_answers.tolist() == right.sum(axis=1).tolist()


@given(
    st.integers(2, 300),
    st.integers(0, 2**31),
    st.sampled_from([33, 96, 512]),
    st.sampled_from([64, 100, 1024]),
    st.integers(1, 3),
)
def test_copies_of_the_right_answer_are_ties_wherever_they_stand(
    size: int, seed: int, width: int, tile: int, threads: int
) -> None:
    """Wrong answers with the same real-valued embedding: rounding must not let one of two equals win."""
    rng = np.random.default_rng(seed)
    kinds = int(rng.integers(1, size + 1))
    of = torch.tensor(rng.integers(0, kinds, size))  # pairs of one kind have equal embeddings, and other groups
    generator = torch.Generator().manual_seed(seed)
    image, text = (F.normalize(torch.randn(kinds, width, generator=generator), dim=-1)[of] for _ in range(2))
    found = ranked(image, text, alone(size), tile=tile, threads=threads)
    exact = image.double() @ text.double().T
    for scores, values in ((exact, found.image_to_text), (exact.T, found.text_to_image)):
        own = scores.diagonal()[:, None]
        surely = (scores > own + 1e-6).sum(dim=1)
        equals = (of[:, None] == of[None]).sum(dim=1)
        perhaps = (scores > own - 1e-6).sum(dim=1)
        assert (surely + equals <= values).all() and (values <= perhaps).all()


def test_ties_count_against_us() -> None:
    same = torch.ones(6, 2)
    assert ranks(same, same, alone(6)).image_to_text.tolist() == [6] * 6


def test_low_precision_is_widened_before_scores_are_made() -> None:
    """In bf16, thousands of candidates would have a few hundred distinct scores."""
    generator = torch.Generator().manual_seed(0)
    image, text = (F.normalize(torch.randn(700, 64, generator=generator), dim=-1).bfloat16() for _ in range(2))
    wide = ranks(image.float(), text.float(), alone(700))
    with torch.autocast("cpu", torch.bfloat16):
        found = ranks(image, text, alone(700))
    assert torch.equal(found.image_to_text, wide.image_to_text)
    assert len((image.float() @ text.float().T).unique()) > 10 * len((image @ text.T).unique())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_embeddings_that_are_not_finite_are_refused(value: float) -> None:
    broken, sound = torch.tensor([[1.0, value], [0.0, 1.0]]), torch.eye(2)
    for both in ((broken, sound), (sound, broken)):
        with pytest.raises(ModelError, match="NaN or infinite"):
            ranks(*both, alone(2))


def test_summary() -> None:
    metrics = summarise(torch.tensor([1, 2, 6, 60]))
    assert metrics == {
        **{"R@1": 25.0, "R@5": 50.0, "R@10": 75.0, "R@50": 75.0, "R@100": 100.0},
        **{"MedR": 4.0, "MeanR": 17.25, "MRR": pytest.approx((1 + 1 / 2 + 1 / 6 + 1 / 60) / 4)},
    }
    assert mean_recall(metrics, metrics) == 50.0  # of R@1, R@5, R@10


@given(st.integers(1, 150), st.integers(0, 1000))
def test_chance_is_what_random_orders_give(gallery: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    right: Any = rng.integers(1, gallery + 1, 2)  # half of the queries have the one number, half the other
    orders = rng.permuted(np.tile(np.arange(gallery), (4000, 1)), axis=1)
    first = np.concatenate([(half < r).argmax(axis=1) + 1 for half, r in zip(np.split(orders, 2), right, strict=True)])
    simulated = summarise(torch.tensor(first))
    expected = by_chance(torch.tensor(right), gallery)
    assert set(expected) == {*(f"R@{k}" for k in RECALLS), "MeanR", "MRR"}
    for name, value in expected.items():
        near = 4.0 if name.startswith("R@") else 0.04 if name == "MRR" else 0.15 * gallery + 0.1
        assert abs(value - simulated[name]) < near, name
