import pytest
import torch
from hypothesis import given, strategies as st

from model.errors import ModelError
from model.method.batch import Batch
from model.method.hard_negatives import draw_hard_negatives, negative_chances, possible_negatives
from model.rng import seeded


def batch_with(images: list[int], captions: list[int], keys: list[int]) -> Batch:
    size = len(images)
    groups = (torch.tensor(g) for g in (images, captions, keys))
    return Batch([str(i) for i in range(size)], torch.zeros(size, 3, 1, 1), torch.zeros(size, 1).long(), None, *groups)


@st.composite
def batches(draw) -> Batch:
    size = draw(st.integers(2, 12))
    numbers = st.lists(st.integers(0, draw(st.integers(0, 12))), min_size=size, max_size=size)
    return batch_with(draw(numbers), draw(numbers), draw(numbers))


@st.composite
def similarities(draw, size: int) -> torch.Tensor:
    """Plain, all equal, of fp16's range and in fp16, of fp32's range, and a partner that overwhelms."""
    kind = draw(st.sampled_from(["plain", "equal", "fp16", "huge", "partner", "tiny differences"]))
    logits = torch.randn(size, size, generator=seeded(draw(st.integers(0, 2**31 - 1)), "logits"))
    match kind:
        case "equal":
            return torch.full((size, size), draw(st.sampled_from([0.0, -100.0, 3e38])))
        case "fp16":
            return (65504 * logits.sign()).half()
        case "huge":
            return 1e38 * logits.clamp(-3, 3)
        case "partner":
            return logits.fill_diagonal_(1e30)
        case "tiny differences":
            return 100 + 1e-6 * logits
    return logits


@given(batches(), st.integers(0, 2**31 - 1), st.data())
def test_a_negative_shares_nothing_with_its_row(batch, seed, data):
    size = len(batch.ids)
    logits = data.draw(similarities(size))
    allowed = possible_negatives(batch.groups)
    drawn = draw_hard_negatives(logits, logits.T, allowed, seeded(seed, "draw"))
    groups = list(zip(batch.image_group.tolist(), batch.caption_group.tolist(), batch.key_group.tolist(), strict=True))

    def alike(i: int, j: int) -> bool:
        return i == j or any(a == b for a, b in zip(groups[i], groups[j], strict=True))

    for index, exists in ((drawn.text_index, drawn.text_exists), (drawn.image_index, drawn.image_exists)):
        for i in range(size):
            if exists[i]:
                assert not alike(i, int(index[i]))
            else:
                assert all(alike(i, j) for j in range(size))
    again = draw_hard_negatives(logits, logits.T, allowed, seeded(seed, "draw"))
    assert all(torch.equal(a, b) for a, b in zip(drawn, again, strict=True))


@given(batches(), st.data())
def test_chances_are_the_softmax_over_what_is_allowed(batch, data):
    size = len(batch.ids)
    logits, allowed = data.draw(similarities(size)), possible_negatives(batch.groups)
    chances = negative_chances(torch.cat([logits, logits.T]), torch.cat([allowed, allowed]))
    assert chances.dtype == torch.float32 and chances.isfinite().all()
    exact = logits.double()
    for row, of_row in enumerate((*exact, *exact.T)):
        choice = [j for j in range(size) if allowed[row % size, j]]
        assert set(chances[row].nonzero()[:, 0].tolist()) <= set(choice)
        if choice:
            torch.testing.assert_close(chances[row, choice].double(), of_row[choice].softmax(0), rtol=1e-4, atol=1e-6)


def test_a_draw_is_torchs_multinomial_of_both_directions():
    allowed, logits = ~torch.eye(64, dtype=torch.bool), torch.randn(64, 64, generator=seeded(0, "logits"))
    drawn = draw_hard_negatives(logits, logits.T, allowed, seeded(0, "draw"))
    chances = negative_chances(torch.cat([logits, logits.T]), torch.cat([allowed, allowed]))
    expected = torch.multinomial(chances, 1, generator=seeded(0, "draw"))[:, 0]
    assert torch.equal(torch.cat([drawn.text_index, drawn.image_index]), expected)


def test_draws_follow_the_masked_softmax_of_their_direction():
    size, repeats = 4, 4000
    batch = batch_with([0, 1, 2, 0], [0, 1, 2, 3], [0, 1, 2, 3])  # rows 0 and 3 show the same image
    logits = torch.tensor([[9.0, 1.0, 0.0, 9.0], [0.5, 9.0, 2.0, 0.0], [0.0, 0.0, 9.0, 1.0], [9.0, -1.0, 1.0, 9.0]])
    allowed, generator = possible_negatives(batch.groups), seeded(0, "test")
    counts = torch.zeros(2, size, size)
    for _ in range(repeats):
        drawn = draw_hard_negatives(logits, logits.T, allowed, generator)
        counts[0, torch.arange(size), drawn.text_index] += 1
        counts[1, torch.arange(size), drawn.image_index] += 1
    for direction, scores in enumerate((logits, logits.T)):
        weights = torch.where(allowed, scores.exp(), torch.zeros(()))
        expected = weights / weights.sum(dim=1, keepdim=True)
        torch.testing.assert_close(counts[direction] / repeats, expected, rtol=0, atol=0.04)


def test_similarities_that_are_not_finite_are_never_drawn():
    logits = torch.tensor([[0.0, float("nan"), 1.0], [0.0, 0.0, float("inf")], [0.0, 0.0, 0.0]])
    drawn = draw_hard_negatives(logits, logits.T, ~torch.eye(3, dtype=torch.bool), seeded(0, "test"))
    assert drawn.text_index.tolist()[:2] == [2, 0] and drawn.text_exists.all()


@pytest.mark.parametrize("size", [0, 1])
def test_fewer_than_two_pairs_have_no_negative(size):
    with pytest.raises(ModelError, match=f"at least 2 pairs, but this one has {size}"):
        draw_hard_negatives(*torch.zeros(2, size, size), torch.zeros(size, size, dtype=torch.bool))
