"""Each way to search with explanations finds what its protocol of evaluation finds."""

import json

import pytest
import torch

from model.clip.towers import load_towers
from model.data.shards import read_split
from model.errors import ModelError
from model.evaluation.evaluate import evaluate, evaluation_plan
from model.evaluation.explained import evaluate_explained, explained_ways, fused
from model.search.explained import by_experts, load_reader, with_explanations, with_explanations_beside
from model.search.index import build_index, load_model_of
from model.search.search import embed_queries, search
from model.search.ways import BOTH, MMAE, TOWERS
from model.training.loop import train
from tests.model.training.test_loop import changed

pytestmark = pytest.mark.usefixtures("undrawn_curves")
ONE_SIDED = {"image_experts": 2, "shared_experts": 1, "text_experts": 1, "one_sided": True, "gi_itm": False}


@pytest.mark.parametrize("cached", [pytest.param(False, marks=pytest.mark.slow), True])
def test_each_way_ranks_as_its_protocol(settings, tmp_path, cached):
    settings = changed(settings, method={**ONE_SIDED, "cached_explanations": cached})
    run = tmp_path / "run"
    train(settings, run)
    evaluate(run)
    index = build_index(run, tmp_path / "index", explained=True)
    sha256 = json.loads((run / "checkpoint" / "checkpoint.json").read_text())["sha256"]["model.safetensors"]
    assert index.about["ways"] == {BOTH: {"alpha": None}, MMAE: {"alpha": None, "model_sha256": sha256}}
    rows = {triple.id: triple for triple in read_split(settings.data.explanations, "test", statuses=None).triples}
    ids = index.rows["id"].to_pylist()
    captions, explanations = ([getattr(rows[row_id], what) for row_id in ids] for what in ("caption", "explanation"))
    explanations[3] = None
    queries, _ = embed_queries(load_model_of(index), captions, [])
    reader = load_reader(index)
    vectors = {
        TOWERS: with_explanations(queries, explanations, reader, 1.5).vectors,
        BOTH: with_explanations_beside(queries, explanations, reader, 1.5).vectors,
        MMAE: by_experts(index, captions, queries, explanations, reader, 1.5).vectors,
    }
    data = evaluation_plan(run, None).data
    for way, embed in explained_ways(run, settings, load_towers(settings.towers), data).items():
        split = embed("test")
        place = {row_id: row for row, row_id in enumerate(split.embeddings.ids)}
        own = torch.tensor([place[row_id] for row_id in ids])
        scores = fused(split.embeddings.text, split.anchors, 1.5)[own] @ split.embeddings.image[own].T
        found = search(index, vectors[way], len(ids), way)
        for number, hits in enumerate(found):
            if number == 3:  # evaluated with its explanation
                continue
            of_ids = {hit.id: hit.score for hit in hits}
            expected = dict(zip(ids, scores[number].tolist(), strict=True))
            assert of_ids == pytest.approx(expected, abs=1e-5), way
    by_caption = search(index, queries[3:4], 5)[0]
    assert [hit.id for hit in search(index, vectors[TOWERS][3:4], 5, TOWERS)[0]] == [hit.id for hit in by_caption]
    assert [hit.id for hit in search(index, vectors[BOTH][3:4], 5, BOTH)[0]] == [hit.id for hit in by_caption]


def test_alphas_are_those_of_the_protocols_and_other_weights_are_refused(settings, tmp_path):
    settings = changed(settings, method=ONE_SIDED)
    run = tmp_path / "run"
    train(settings, run)
    evaluate_explained(run, alpha={"towers": 0.5, "both": 2.0, "mmae": 0.75})
    index = build_index(run, tmp_path / "index", explained=True)
    assert [index.about["ways"][way]["alpha"] for way in (BOTH, MMAE)] == [2.0, 0.75]
    assert build_index(run, tmp_path / "plain").about["ways"] == {}
    index.about["ways"][MMAE]["model_sha256"] = "another"
    with pytest.raises(ModelError, match=r"has other weights than when .* was built; rebuild the index"):
        by_experts(index, ["a"], torch.zeros(1, 8), ["b"], load_reader(index), 1.0)


def test_without_a_one_sided_mmae_there_are_no_experts(settings, tmp_path):
    train(changed(settings, method={"mmae": False, "gi_itm": False}), tmp_path / "run")
    assert set(build_index(tmp_path / "run", tmp_path / "index", explained=True).about["ways"]) == {BOTH}
