"""Queries together with explanations: the formula, the tower of before training, and what an index records of it."""

import json
import shutil

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from model.clip.towers import load_towers
from model.data.segments import segments
from model.errors import ModelError
from model.evaluation.explained import evaluate_explained
from model.exporting.export import export
from model.search.explained import load_reader, with_explanations
from model.search.index import build_index, open_index
from model.settings.schema import TowerSettings
from model.training.loop import train
from tests.model.training.test_loop import changed

pytestmark = pytest.mark.usefixtures("undrawn_curves")
PLAIN = {"mmae": False, "gi_itm": False}


def test_an_index_carries_the_reader_and_the_chosen_weight(settings, clip_folder, tmp_path):
    own = shutil.copytree(clip_folder, tmp_path / "clip")
    towers = TowerSettings(model=f"local-dir:{own}")
    run = tmp_path / "run"
    train(changed(settings, method=PLAIN).model_copy(update={"towers": towers}), run)
    assert build_index(run, tmp_path / "index").about["reader"]["alpha"] is None
    evaluate_explained(run)
    index = build_index(run, tmp_path / "index")
    assert index.about["reader"]["alpha"] == json.loads((run / "explained.json").read_text())["alpha"]["towers"]
    record = json.loads((run / "explained.json").read_text())
    assert index.about["reader"]["low_agreement"] == record["low_agreement"]
    text = "name1 a red star. It is near name2, and large."
    queries = F.normalize(torch.randn(2, index.about["width"], generator=torch.Generator().manual_seed(0)), dim=-1)
    found, agreements = with_explanations(queries, [text, None], load_reader(index), 2.0)
    initial = load_towers(towers)
    initial.clip.eval()
    with torch.no_grad():
        parts = initial.clip.encode_text(initial.tokenizer(segments(text)), normalize=True)
    anchor = F.normalize(parts.mean(0), dim=0)
    assert agreements == [pytest.approx(float(queries[0] @ anchor), abs=1e-6), None] and len(parts) == 2
    torch.testing.assert_close(found[0], F.normalize(queries[0] + 2 * anchor, dim=0))
    torch.testing.assert_close(found[1], queries[1])

    weights = next(own.glob("*.safetensors"))
    changed_weights = load_file(weights)
    changed_weights["text_projection"] *= 2
    save_file(changed_weights, weights)
    with pytest.raises(ModelError, match=r"the text tower of local-dir:.* has changed since"):
        load_reader(open_index(tmp_path / "index"))
    export(run, tmp_path / "export")
    exported = build_index(tmp_path / "export", tmp_path / "other", explanations=settings.data.explanations)
    with pytest.raises(ModelError, match="was built without the text tower that its model started from"):
        load_reader(exported)
