"""FLOPs of ViT-B/32 at 4/4/4, counted on the meta device, SDPA as its math backend."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from benchmarks.steps import Steps, Variant, Workload
from model.training.flops import count_flops

WORK = Workload(model="ViT-B-32", batch=2)


def test_the_counter_sees_every_product_that_the_experts_use() -> None:
    with torch.device("meta"):
        x, weight, bias = torch.ones(3, 5, 7), torch.ones(3, 7, 11), torch.ones(3, 1, 11)
    assert count_flops(partial(torch.bmm, x, weight)) == 2 * 3 * 5 * 7 * 11
    assert count_flops(partial(torch.baddbmm, bias, x, weight)) == 2 * 3 * 5 * 7 * 11
    with torch.device("meta"):
        heads = torch.ones(2, 4, 6, 8)
    attention = partial(torch.nn.functional.scaled_dot_product_attention, heads, heads, heads)
    assert count_flops(attention) == 2 * (2 * 4 * 6 * 6 * 8) * 2


@pytest.mark.slow
def test_mmae_and_gi_itm_cost_next_to_nothing() -> None:
    variants = [Variant.EXPLANATION, Variant.FULL, Variant.TRIMMED, Variant.NAIVE]
    steps = Steps(replace(WORK, device="meta"), variants)
    towers, full, trimmed, naive = (count_flops(steps.losses[variant]) for variant in variants)
    model, batch = steps.modules["full"], steps.padded
    features = count_flops(lambda: model.token_features(batch))
    print(f"GMAC a sample: towers {towers / 4e9:.2f}, MMAE + GI-ITM {(full - features) / 4e9:.3f}")
    assert full - features <= 0.01 * towers  # the experts, gates, heads and losses
    assert full <= 1.015 * towers  # with the projection of every token, which the experts read
    assert trimmed < 0.9 * full
    assert naive > 2.2 * full
