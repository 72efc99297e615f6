import pytest
import torch

from model.batch import Batch
from model.entityclip import EntityCLIP
from model.errors import ModelError
from model.experts import ExpertBlock
from model.seeds import seeded
from model.settings import MethodSettings
from tests.model.tiny_clip import CONTEXT_LENGTH, IMAGE_SIZE, VOCABULARY


def some_batch(size: int, explanations: bool = True, alike: bool = False) -> Batch:
    generator = seeded(0, "batch")
    tokens = torch.randint(3, len(VOCABULARY) - 1, (2, size, CONTEXT_LENGTH), generator=generator)
    tokens[:, :, -1] = len(VOCABULARY) - 1
    images = torch.randn(size, 3, IMAGE_SIZE, IMAGE_SIZE, generator=generator)
    groups = torch.zeros(size).long() if alike else torch.arange(size)
    ids = [str(i) for i in range(size)]
    return Batch(ids, images, tokens[0], tokens[1] if explanations else None, groups, groups, groups)


def test_what_is_off_is_not_built(towers):
    plain = EntityCLIP(towers.clip, MethodSettings(mmae=False, gi_itm=False))
    assert all(name.startswith("clip.") for name, _ in plain.named_parameters())
    step = plain(some_batch(4, explanations=False))
    assert set(step.losses) == {"total", "vtc"} and step.losses["total"] is step.losses["vtc"]

    built = {name.split(".")[0] for name, _ in EntityCLIP(towers.clip, MethodSettings(mmae=False)).named_parameters()}
    assert built == {"clip", "experts", "matching"}
    built = {name.split(".")[0] for name, _ in EntityCLIP(towers.clip, MethodSettings(gi_itm=False)).named_parameters()}
    assert built == {"clip", "experts", "image_gate", "text_gate"}


@pytest.mark.parametrize("counts", [(2, 1, 3), (1, 0, 2), (0, 2, 0), (0, 1, 2)])
def test_every_built_parameter_gets_a_gradient(towers, counts):
    image, shared, text = counts
    method = MethodSettings(
        image_experts=image, shared_experts=shared, text_experts=text, aux_weight=0.3, itm_weight=0.7
    )
    model = EntityCLIP(towers.clip, method)
    step = model(some_batch(5, explanations=shared > 0), generator=seeded(0, "negatives"))
    losses = step.losses
    torch.testing.assert_close(losses["total"], losses["vtc"] + 0.3 * losses["mmae"] + 0.7 * losses["itm"])
    losses["total"].backward()
    without = [name for name, p in model.named_parameters() if p.grad is None]
    assert not without
    assert not any(value.requires_grad for value in step.report.values())


def test_a_batch_of_one_image_has_no_negative_terms(towers):
    step = EntityCLIP(towers.clip, MethodSettings())(some_batch(4, alike=True))
    assert step.report["rows_with_negatives"] == 0
    assert step.report["itm_wrong_text"] == 0 and step.report["itm_wrong_image"] == 0
    torch.testing.assert_close(step.losses["itm"].detach(), step.report["itm_positive"] / 3)


def test_misuse_is_named(towers):
    model = EntityCLIP(towers.clip, MethodSettings())
    with pytest.raises(ModelError, match="at least 2 pairs"):
        model(some_batch(1))
    with pytest.raises(ModelError, match="the batch has none"):
        model(some_batch(3, explanations=False))
    with pytest.raises(ValueError, match="each need an expert"):
        MethodSettings(image_experts=0, shared_experts=0)


@torch.no_grad()
def test_the_kept_query_is_what_a_block_over_all_queries_gives():
    torch.manual_seed(0)
    width, block = 12, ExpertBlock(12)
    torch.nn.init.normal_(block.attn.in_proj_bias)
    queries, context = torch.randn(3, 5, width), torch.randn(3, 7, width)
    # independent: every query, every token, by hand
    q, k, v = (
        block.ln_1(x) @ w.T + b
        for x, w, b in zip(
            (queries, context, context),
            block.attn.in_proj_weight.chunk(3),
            block.attn.in_proj_bias.chunk(3),
            strict=True,
        )
    )
    attended = (q @ k.transpose(1, 2) / width**0.5).softmax(-1) @ v
    x = queries + block.attn.out_proj(attended)
    x = x + block.mlp(block.ln_2(x))
    for position in range(5):
        torch.testing.assert_close(block(queries[:, position], context), x[:, position], rtol=0, atol=2e-6)
