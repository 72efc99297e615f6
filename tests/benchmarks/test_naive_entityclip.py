"""What the benchmark compares is the same mathematics: outputs, losses and gradients."""

import copy

import pytest
import torch
from torch import Tensor

from benchmarks.naive_entityclip import NaiveEntityCLIP
from model.clip.open_clip_import import open_clip
from model.method.batch import Batch
from model.method.entityclip import EntityCLIP
from model.method.hard_negatives import HardNegatives
from model.method.mmae import as_context
from model.settings.schema import MethodSettings
from tests.model.tiny_clip import CONTEXT_LENGTH, IMAGE_SIZE, VOCABULARY, config

B = 5


def some_batch() -> tuple[Batch, HardNegatives]:
    rows = torch.arange(B)
    lengths = torch.tensor([[2, 9, 5, 7, 3], [9, 4, 6, 8, 5]])
    tokens = torch.randint(3, len(VOCABULARY) - 1, (2, B, CONTEXT_LENGTH))
    tokens[torch.arange(CONTEXT_LENGTH) >= lengths[..., None]] = 0
    tokens.scatter_(2, lengths[..., None], len(VOCABULARY) - 1)
    images = torch.randn(B, 3, IMAGE_SIZE, IMAGE_SIZE)
    every = torch.ones(B).bool()
    # two rows of each direction share a negative, one has none
    negatives = HardNegatives(
        torch.tensor([1, 0, 1, 0, 0]), every & (rows != 4), torch.tensor([3, 3, 0, 0, 1]), every & (rows != 3)
    )
    return Batch([str(row) for row in rows], images, *tokens, rows, rows, rows), negatives


@pytest.mark.parametrize("counts", [(2, 3, 1), (0, 2, 0)])
def test_the_naive_form_equals_ours(counts: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    image, shared, text = counts
    method = MethodSettings(
        image_experts=image,
        shared_experts=shared,
        text_experts=text,
        aux_weight=0.6,
        itm_weight=0.9,
        mask_padding=False,
    )
    ours = EntityCLIP(open_clip.CLIP(**config()["model_cfg"]), method).double()
    naive = NaiveEntityCLIP(copy.deepcopy(ours.clip), method).double()
    batch, negatives = some_batch()
    batch.images.data = batch.images.double()
    with torch.no_grad():
        for other in ours.parameters():
            other += 0.2 * torch.randn_like(other)  # what starts at zero or one is no test
        naive.clip.load_state_dict(ours.clip.state_dict())
        for _, parameter, other, place in naive.parameters_of(ours):
            parameter.copy_(other if place is None else other[place])
    taken = {id(other) for _, _, other, _ in naive.parameters_of(ours)} | {id(p) for p in ours.clip.parameters()}
    assert taken == {id(p) for p in ours.parameters()}

    features = ours.token_features(batch)
    assert features.explanation is not None
    explanation = as_context(features.explanation, None)
    read = ours.experts(features, explanation)
    passes = ours.match(features, read, explanation, negatives)
    step, other_step = ours(batch, negatives=negatives), naive(batch, negatives)
    close("x_v", other_step.x_v, read.x_v)
    close("x_t", other_step.x_t, read.x_t)
    for found, expected in zip(other_step.match_logits, passes, strict=True):
        close("match logits", found, expected.logits)
    for name, loss in step.losses.items():
        close(name, other_step.losses[name], loss)

    step.losses["total"].backward()
    other_step.losses["total"].backward()
    for name, parameter, other, place in naive.parameters_of(ours):
        close(name, gradient(parameter), gradient(other) if place is None else gradient(other)[place])
    for (name, parameter), other in zip(ours.clip.named_parameters(), naive.clip.parameters(), strict=True):
        close(name, gradient(other), gradient(parameter))


def gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad


def close(name: str, found: Tensor, expected: Tensor) -> None:
    # losses are taken in fp32 whatever comes in, so fp64 is not kept all the way
    torch.testing.assert_close(found, expected, rtol=2e-5, atol=2e-7, msg=lambda text: f"{name}: {text}")
