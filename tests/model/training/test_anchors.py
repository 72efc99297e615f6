"""Anchors are the explanations as the text tower had them before training, and pull what they are to pull."""

import json

import pytest
import torch
import torch.nn.functional as F

from model.clip.towers import load_towers
from model.data.segments import segments
from model.data.shards import read_split
from model.errors import ModelError
from model.evaluation.embed_explanations import mean_of_segments
from model.method.entityclip import EntityCLIP
from model.method.losses import anchor_loss
from model.settings.data import SplitSettings
from model.settings.schema import MethodSettings, TrainSettings
from model.training.anchors import ANCHORS, read_anchors
from model.training.loop import train
from tests.model.shard_writer import row, write_receipts, write_shard
from tests.model.training.test_gradient_cache import OFF, ragged_batch
from tests.model.training.test_loop import changed

pytestmark = pytest.mark.usefixtures("undrawn_curves")


def anchored(settings, **data):
    method = {"mmae": False, "gi_itm": False, "anchor_text_weight": 1.0, "anchor_image_weight": 0.5}
    return changed(settings, method=method, data=data)


def test_anchors_are_the_explanations_before_training(settings, tmp_path):
    train(anchored(settings), tmp_path / "run")
    triples = read_split(settings.data.explanations, "train", statuses=("ok",)).triples
    towers = load_towers(settings.towers)
    towers.clip.eval()
    with torch.no_grad():
        wanted = towers.clip.encode_text(towers.tokenizer([t.explanation for t in triples]), normalize=True)
    found = read_anchors(tmp_path / "run", len(triples)).anchors
    torch.testing.assert_close(found.float(), wanted, rtol=0, atol=1e-3)  # fp16
    train(anchored(settings, wrong_explanations=True), tmp_path / "control")
    other = read_anchors(tmp_path / "control", len(triples)).anchors.float()
    texts = [t.explanation for t in triples]
    assert TrainSettings.model_validate(anchored(settings, wrong_explanations=True).model_dump())
    record = json.loads((tmp_path / "run" / "train.json").read_text())
    assert record["data"]["train"]["truncated_explanations"] is not None
    assert all(not torch.equal(a, b) for a, b in zip(other, found.float(), strict=True)) and len(set(texts)) > 1


def test_anchors_of_segments_are_their_mean_and_lose_nothing(settings, dataset, tmp_path):
    method = {"mmae": False, "gi_itm": False, "anchor_text_weight": 1.0, "anchor_segments": True}
    several = [f"a thing {n} is red. It has a tail of length {n}! " + "It goes on. " * (n % 5) for n in range(16)]
    shards = tmp_path / "explanations"
    write_shard(shards, "train", [row(n, "train", explanation=text) for n, text in enumerate(several)], dataset[1])
    write_receipts(shards)
    data = {"explanations": shards, "splits": SplitSettings(train="train", val=None, test="test")}
    train(changed(settings, method=method, data=data), tmp_path / "run")
    triples = read_split(shards, "train", statuses=("ok",)).triples
    towers = load_towers(settings.towers)
    towers.clip.eval()
    wanted = []
    with torch.no_grad():
        for triple in triples:
            parts = segments(triple.explanation)
            assert len(parts) > 1
            wanted.append(towers.clip.encode_text(towers.tokenizer(parts), normalize=True).mean(0))
    found = read_anchors(tmp_path / "run", len(triples)).anchors
    torch.testing.assert_close(found.float(), F.normalize(torch.stack(wanted), dim=-1), rtol=0, atol=1e-3)  # fp16


def test_a_mean_of_segments_counts_each_once():
    one, two, three = F.normalize(torch.randn(3, 8, generator=torch.Generator().manual_seed(1)), dim=-1)
    found = mean_of_segments(torch.stack([one, two, three]), torch.tensor([1, 2]))
    torch.testing.assert_close(found, F.normalize(torch.stack([one, two + three]), dim=-1))


def test_losses_are_the_divergence_from_how_anchors_lie_to_one_another(towers):
    batch = ragged_batch(5)
    batch.anchors[3] = batch.anchors[1]  # one entity
    model = EntityCLIP(towers.clip, MethodSettings(**OFF, anchor_text_weight=0.5, anchor_image_weight=2.0))
    step = model(batch)
    scale, anchors = towers.clip.logit_scale.exp(), F.normalize(batch.anchors, dim=-1)
    wanted = {}
    for name, side in (
        ("anchor_text", towers.clip.encode_text(batch.captions, normalize=True)),
        ("anchor_image", towers.clip.encode_image(batch.images, normalize=True)),
    ):
        logits, target = scale * side @ anchors.T, (scale * anchors @ anchors.T).softmax(1)
        least = F.cross_entropy(scale * anchors @ anchors.T, target)  # the targets' own entropy
        wanted[name] = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2 - least
        torch.testing.assert_close(step.losses[name], wanted[name], rtol=1e-5, atol=1e-6)
    total = step.losses["vtc"] + 0.5 * wanted["anchor_text"] + 2.0 * wanted["anchor_image"]
    torch.testing.assert_close(step.losses["total"], total, rtol=1e-5, atol=1e-6)


def test_the_loss_is_nothing_where_a_caption_is_its_anchor_and_no_gradient_moves_the_scale():
    anchors = F.normalize(torch.randn(6, 8, generator=torch.Generator().manual_seed(0)), dim=-1)
    anchors[4] = anchors[2]
    side, scale = (3 * anchors).requires_grad_(), torch.tensor(20.0, requires_grad=True)
    loss = anchor_loss(side, anchors, scale)
    loss.backward()
    assert loss.abs() < 1e-6 and side.grad.abs().max() < 1e-6 and scale.grad.abs() < 1e-6
    assert anchor_loss(side.roll(1, 0), anchors, scale) > 1


def test_anchors_that_are_gone_or_of_other_rows_are_named(tmp_path):
    with pytest.raises(ModelError, match=r"anchors.safetensors cannot be read .*--overwrite"):
        read_anchors(tmp_path, 3)
    (tmp_path / ANCHORS).write_bytes(b"half")
    with pytest.raises(ModelError, match="cannot be read"):
        read_anchors(tmp_path, 3)
