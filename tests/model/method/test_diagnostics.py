import math

import pytest
import torch

from model.distributed.local import LocalBatch
from model.method.diagnostics import gate_usage, matching_accuracy
from model.method.entityclip import EntityCLIP
from model.method.hard_negatives import HardNegatives
from model.rng import seeded
from model.settings.schema import MethodSettings
from model.training.step import measured, to_floats
from tests.model.method.test_entityclip import some_batch


def test_effective_experts_counts_what_a_pair_draws_on():
    one_each = torch.eye(4)  # every pair reads one expert, every expert is read
    halves = torch.tensor([[0.5, 0.5, 0.0, 0.0]]).expand(3, 4)
    names = list("abcd")
    for weights, means, effective in [
        (one_each, [0.25] * 4, 1.0),
        (torch.full((2, 4), 0.25), [0.25] * 4, 4.0),
        (halves, [0.5, 0.5, 0.0, 0.0], 2.0),
    ]:
        (usage,) = to_floats(gate_usage("g", weights, names))
        expected = {f"g/{name}": mean for name, mean in zip(names, means, strict=True)} | {
            "g/effective_experts": effective
        }
        assert usage == pytest.approx(expected)


def test_usage_is_of_the_whole_batch_wherever_its_rows_are():
    weights = torch.rand(6, 3, generator=torch.Generator().manual_seed(0)).softmax(dim=-1)
    sums = []

    class Part(LocalBatch):
        def sum(self, x):
            sums.append(x)
            return sum(sums)

    gate_usage("g", weights[:2], list("abc"), Part(6))
    (found,) = to_floats(gate_usage("g", weights[2:], list("abc"), Part(6)))
    (expected,) = to_floats(gate_usage("g", weights, list("abc")))
    assert found == pytest.approx(expected)


def test_matching_accuracy_is_counted_row_by_row():
    generator = torch.Generator().manual_seed(0)
    for drawn in (0.0, 0.5, 1.0):
        positive, wrong_text, wrong_image = (torch.randn(9, 2, generator=generator) for _ in range(3))
        text_exists, image_exists = (torch.rand(9, generator=generator) < drawn for _ in range(2))
        nowhere = torch.zeros(9, dtype=torch.long)
        answers = {
            "positive": [bool(row[0] > row[1]) for row in positive],
            "wrong_text": [
                bool(row[1] > row[0]) for row, counts in zip(wrong_text, text_exists, strict=True) if counts
            ],
            "wrong_image": [
                bool(row[1] > row[0]) for row, counts in zip(wrong_image, image_exists, strict=True) if counts
            ],
        }
        every = [answer for some in answers.values() for answer in some]
        negatives = HardNegatives(nowhere, text_exists, nowhere, image_exists)
        (found,) = to_floats(matching_accuracy(positive, wrong_text, wrong_image, negatives))
        expected = {f"itm_accuracy_{name}": sum(x) / len(x) for name, x in answers.items() if x}
        assert measured(found) == pytest.approx({"itm_accuracy": sum(every) / len(every)} | expected, rel=1e-4)
        assert len(measured(found)) == (2 if drawn == 0 else 4)


def test_a_step_reports_every_gate_with_its_experts_named(towers):
    method = MethodSettings(image_experts=2, shared_experts=1, text_experts=3)
    step = EntityCLIP(towers.clip, method)(some_batch(5, explanations=True), generator=seeded(0, "negatives"))
    losses, report = to_floats(step.losses, step.report)
    assert losses["total"] == step.losses["total"].item()
    image = ["image_1", "image_2", "image_shared_1"]
    text = ["text_1", "text_2", "text_3", "text_shared_1"]
    for gate, names in {"image_gate": image, "text_gate": text, "matching_gate": image + text}.items():
        usage = {name.partition("/")[2]: value for name, value in report.items() if name.startswith(gate)}
        assert list(usage) == [*names, "effective_experts"]
        effective = usage.pop("effective_experts")
        assert math.isclose(sum(usage.values()), 1, rel_tol=1e-6) and 1 <= effective <= len(names) * (1 + 1e-6)
    right, asked = step.report["itm_accuracy"] * 15, 15
    by_pass = sum(report[f"itm_accuracy_{name}"] for name in ("positive", "wrong_text", "wrong_image")) * 5
    assert math.isclose(right.item(), by_pass, rel_tol=1e-5) and asked >= by_pass
