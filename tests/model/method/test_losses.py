import math

import numpy as np
import torch

from model.method.losses import MATCH, NO_MATCH, contrastive_loss, matching_loss


def test_contrastive_loss_by_hand():
    rng = np.random.default_rng(0)
    image, text, scale = rng.normal(size=(5, 7)), rng.normal(size=(5, 7)), 13.0
    cosines = (image @ text.T) / np.outer(np.linalg.norm(image, axis=1), np.linalg.norm(text, axis=1))
    scores = np.exp(scale * cosines)
    pick = np.diag(scores)
    expected = -(np.log(pick / scores.sum(axis=1)) + np.log(pick / scores.sum(axis=0))).mean() / 2
    loss, logits, _ = contrastive_loss(torch.tensor(image), torch.tensor(text), torch.tensor(scale))
    assert math.isclose(float(loss), expected, rel_tol=1e-5)
    np.testing.assert_allclose(logits.numpy(), scale * cosines, rtol=1e-4)


def test_matching_loss_counts_only_the_rows_that_have_a_negative():
    logits = torch.tensor([[0.0, 0.0], [3.0, 1.0], [-40.0, 40.0]], requires_grad=True)
    rows = torch.tensor([True, True, False])
    expected = (math.log(2) + math.log(1 + math.exp(2))) / 2
    assert math.isclose(matching_loss(logits, NO_MATCH, rows).item(), expected, rel_tol=1e-5)
    assert matching_loss(logits[:1], MATCH) == matching_loss(logits[:1], NO_MATCH)
    none = matching_loss(logits, NO_MATCH, torch.zeros(3, dtype=torch.bool))
    none.backward()
    assert none == 0 and logits.grad is not None and not logits.grad.any()


def test_epsilon_is_added_to_the_probability():
    logits = torch.tensor([[0.0, math.log(3)], [0.0, 60.0]], requires_grad=True)
    expected = -(math.log(0.25 + 0.01) + math.log(0.01 + math.exp(-60))) / 2
    loss = matching_loss(logits, MATCH, epsilon=0.01)
    assert math.isclose(loss.item(), expected, rel_tol=1e-5)
    loss.backward()
    assert logits.grad[0].abs().min() > 0.1 and logits.grad[1].abs().max() < 1e-20  # the drawback of it
    assert matching_loss(logits, MATCH).item() > 30
