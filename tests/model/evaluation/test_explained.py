"""Explained search measures what its formula says, with the tower of before training, without refused explanations."""

import json

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from model.checkpoints.checkpoint import load_entityclip
from model.clip.towers import load_towers
from model.data.dataset import TripleDataset
from model.data.segments import segments
from model.data.shards import read_split
from model.errors import ModelError
from model.evaluation.embed import embed_split
from model.evaluation.explained import ALPHAS, evaluate_explained, fused
from model.settings.data import SplitSettings
from model.training.loop import train
from tests.model.shard_writer import picture, row, write_receipts, write_shard
from tests.model.training.test_loop import changed

pytestmark = pytest.mark.usefixtures("undrawn_curves")


@pytest.fixture
def run(settings, tmp_path):
    train(changed(settings, method={"mmae": False, "gi_itm": False}), tmp_path / "run")
    return tmp_path / "run"


def _record(run):
    return json.loads((run / "explained.json").read_text())


def _mean_recall(image, text):
    scores = image @ text.T
    places = [
        (table.argsort(dim=1, descending=True) == torch.arange(len(table))[:, None]).int().argmax(dim=1)
        for table in (scores, scores.T)
    ]
    return 100 * sum(float((place < k).double().mean()) for place in places for k in (1, 5, 10)) / 6


def _anchors(settings, texts):
    towers = load_towers(settings.towers)
    towers.clip.eval()
    with torch.no_grad():
        means = [towers.clip.encode_text(towers.tokenizer(segments(text)), normalize=True).mean(0) for text in texts]
    return F.normalize(torch.stack(means), dim=-1)


def _images_before(settings, shards):
    towers = load_towers(settings.towers)
    triples = TripleDataset(read_split(shards, "test", statuses=None), towers, explanations=False)
    return embed_split(towers.clip, triples, 5, torch.device("cpu")).image, list(triples.ids)


def test_protocols_are_those_of_the_formula(settings, dataset, run, tmp_path):
    refused = {3, 7}
    rows = [
        row(n, "test", status="refused", explanation=None)
        if n in refused
        else row(n, "test", explanation=f"a thing {n} of name{n} is red. It has a tail of length {n}.")
        for n in range(15)
    ]
    shards = tmp_path / "explanations"
    write_shard(shards, "test", rows, dataset[1])
    write_receipts(shards)
    evaluate_explained(run, explanations=shards, alpha=5.0)
    saved = load_file(run / "test_embeddings.safetensors")
    ids = json.loads((run / "test_ids.json").read_text())
    numbers = [int(each.removeprefix("test-")) for each in ids]
    anchors = _anchors(settings, [rows[n]["explanation"] or "none" for n in numbers])
    anchors[[number in refused for number in numbers]] = 0
    record = _record(run)
    found = record["splits"]["test"]
    assert record["alpha"] == {"towers": 5.0, "both": 5.0} and record["alpha_chosen"] == "given"
    assert found["explained_queries"] == 13
    for name, text in (
        ("caption", saved["text"]),
        ("explained", F.normalize(saved["text"] + 5 * anchors, dim=-1)),
    ):
        assert found["protocols"][name]["mean_recall"] == pytest.approx(_mean_recall(saved["image"], text))
    before, ids_before = _images_before(settings, shards)
    before = before[[ids_before.index(each) for each in ids]]
    images = torch.cat([saved["image"], before], dim=1)
    queries = F.normalize(torch.cat([saved["text"], 5 * anchors], dim=1), dim=-1)  # two cosines, by query
    assert found["protocols"]["both"]["mean_recall"] == pytest.approx(_mean_recall(images, queries))
    others, own = (found["protocols"][name]["text_to_image"]["MRR"] for name in ("others", "explained"))
    assert others != own


def test_alpha_is_the_best_of_the_validation_split(run):
    evaluate_explained(run)
    record = _record(run)
    by_alpha = {float(alpha): found for alpha, found in record["alpha_chosen"]["mean_recall"]["towers"].items()}
    assert list(by_alpha) == list(ALPHAS)
    assert by_alpha[record["alpha"]["towers"]] == max(by_alpha.values())
    assert record["alpha_chosen"]["split"] == "val"


@pytest.mark.parametrize("cached", [pytest.param(False, marks=pytest.mark.slow), True])
def test_experts_search_with_what_the_model_computes(settings, dataset, tmp_path, cached):
    """V* and T* one pair at a time; the experts read an empty text in place of a refused explanation."""
    method = {"image_experts": 2, "shared_experts": 1, "text_experts": 1, "one_sided": True, "gi_itm": False}
    method["cached_explanations"] = cached
    run = tmp_path / "run"
    train(changed(settings, method=method), run)
    shards = tmp_path / "explanations"
    rows = [row(n, "test", explanation=f"a thing of name{n} is red. It is name{n}.") for n in range(15)]
    rows[4] |= {"status": "refused", "explanation": None}
    write_shard(shards, "test", rows, dataset[1])
    write_receipts(shards)
    evaluate_explained(run, explanations=shards, alpha=1.0)
    measured = _record(run)["splits"]["test"]["protocols"]
    found = measured["mmae"]
    assert measured["mmae_others"]["text_to_image"]["MRR"] != found["text_to_image"]["MRR"]
    model, towers = load_entityclip(run)
    model.eval()
    initial = load_towers(settings.towers).clip.eval()
    image, text = [], []
    with torch.no_grad():
        for number, each in enumerate(rows):
            tokens = [towers.tokenizer([one]) for one in (each["caption"], each["explanation"] or "")]
            pixels = towers.transform(picture(number))[None]
            parts = initial.encode_text(towers.tokenizer(segments(each["explanation"] or "") or [""]), normalize=True)
            v_star = model.image_mixture(pixels)
            t_star = model.text_mixture(tokens[0], parts[None] if cached else tokens[1])
            image.append(F.normalize(v_star[0], dim=0))
            text.append(F.normalize(t_star[0], dim=0))
    anchors = _anchors(settings, [each["explanation"] or "none" for each in rows])
    anchors[4] = 0
    queries = F.normalize(torch.stack(text) + anchors, dim=-1)
    assert found["mean_recall"] == pytest.approx(_mean_recall(torch.stack(image), queries))


def test_as_published_experts_do_not_search(settings, tmp_path):
    """V* has read the right caption's explanation, which an image does not bring along."""
    train(changed(settings, method={"image_experts": 1, "shared_experts": 1, "text_experts": 1}), tmp_path / "run")
    evaluate_explained(tmp_path / "run", alpha=1.0)
    assert "mmae" not in _record(tmp_path / "run")["splits"]["test"]["protocols"]


def test_without_a_validation_split_alpha_must_be_given(settings, tmp_path):
    data = {"splits": SplitSettings(train="train", val=None, test="test")}
    train(changed(settings, method={"mmae": False, "gi_itm": False}, data=data), tmp_path / "run")
    with pytest.raises(ModelError, match="without a validation split to choose alpha on; pass --alpha"):
        evaluate_explained(tmp_path / "run")


def test_a_query_without_an_explanation_is_the_caption():
    text, anchors = F.normalize(torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0)), dim=-1)
    anchors[1] = 0
    found = fused(text, anchors, 2.0)
    torch.testing.assert_close(found[1], text[1])
    torch.testing.assert_close(found[0], F.normalize(text[0] + 2 * anchors[0], dim=0))
