"""Under bf16 autocast: how far the outputs of the experts and the loss are from fp64.

`pytest tests/model/method/test_precision.py -rP` prints the errors that docs/performance.md states.
"""

import pytest
import torch
from torch import Tensor

from benchmarks.naive_entityclip import Block, stacked_name
from model.method.losses import contrastive_loss
from model.method.mmae import ExpertBlock, as_context

B, L, D, N = 16, 77, 512, 4


@pytest.mark.parametrize(("sharpness", "bound"), [(1, 0.003), (2, 0.005), (4, 0.01)])
@torch.no_grad()
def test_the_folded_form_is_as_exact_as_whole_blocks(sharpness: float, bound: float) -> None:
    """Sharpness s: query and key projections s times their initial size, scores s^2 times."""
    torch.manual_seed(0)
    group = ExpertBlock(N, D)
    group.in_proj_weight[:, : 2 * D] *= sharpness
    blocks = [Block(D) for _ in range(N)]
    for number, block in enumerate(blocks):
        for name, parameter in block.named_parameters():
            parameter.copy_(getattr(group, stacked_name(name))[number])
    query, tokens = torch.randn(B, D), torch.randn(B, L, D)

    def whole(dtype: torch.dtype = torch.float32) -> Tensor:
        read = [block.to(dtype)(query.to(dtype)[:, None], tokens.to(dtype))[:, 0] for block in blocks]
        return torch.stack(read, dim=1)

    with torch.autocast("cpu", torch.bfloat16):
        folded, plain = group(query, as_context(tokens, None)), whole()
    fp32 = group(query, as_context(tokens, None))
    true = whole(torch.float64)
    errors = {
        name: float((found - true).norm() / true.norm())
        for name, found in {"folded, bf16": folded, "whole blocks, bf16": plain, "folded, fp32": fp32}.items()
    }
    print(f"sharpness {sharpness}: " + ", ".join(f"{name} {error:.1e}" for name, error in errors.items()))
    assert errors["folded, bf16"] < bound
    assert errors["folded, bf16"] < 1.1 * errors["whole blocks, bf16"]
    assert errors["folded, fp32"] < 2e-6


def test_the_loss_of_bf16_features_is_exact() -> None:
    torch.manual_seed(0)
    image = torch.randn(B, D).bfloat16()
    text = (image + 0.1 * torch.randn(B, D)).bfloat16()
    scale = torch.tensor(100.0)
    with torch.autocast("cpu", torch.bfloat16):
        loss, logits, _ = contrastive_loss(image, text, scale)
    true, true_logits, _ = contrastive_loss(image.double(), text.double(), scale.double())
    assert logits.dtype == torch.float32
    print(f"logits of up to 100 off by {float((logits - true_logits).abs().max()):.1e}")
    torch.testing.assert_close(logits.double(), true_logits, rtol=0, atol=1e-4)
    torch.testing.assert_close(loss.double(), true, rtol=1e-4, atol=1e-4)
