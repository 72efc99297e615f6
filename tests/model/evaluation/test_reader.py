"""Which models have a reader of explanations, with which weight, and what is said of those that have none."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from model.errors import ModelError
from model.evaluation.embed_explanations import text_tower_digest
from model.evaluation.reader import NoReaderError, describe_reader, load_reader_of, weight_of
from model.run_files import read_checkpoint_card
from model.settings.schema import TowerSettings
from model.training.loop import train
from tests.model.training.test_loop import changed

pytestmark = pytest.mark.usefixtures("undrawn_curves")
PLAIN = {"mmae": False, "gi_itm": False}


@pytest.fixture
def run(settings, clip_folder, tmp_path) -> Path:
    own = shutil.copytree(clip_folder, tmp_path / "clip")
    towers = TowerSettings(model=f"local-dir:{own}")
    train(changed(settings, method=PLAIN).model_copy(update={"towers": towers}), tmp_path / "run")
    return tmp_path / "run"


def _explained(run: Path, **record: object) -> None:
    content = {"towers_sha256": read_checkpoint_card(run)["sha256"]["towers.safetensors"], **record}
    (run / "explained.json").write_text(json.dumps(content))


def test_a_run_has_the_towers_that_it_started_from_and_the_weight_of_its_present_weights(run, towers) -> None:
    digest = text_tower_digest(towers.clip)
    found = load_reader_of(run)
    assert found.record() == {"sha256": digest, "alpha": None, "alpha_chosen": None, "low_agreement": None}
    assert text_tower_digest(found.towers.clip) == digest and found.settings.folder == run.parent / "clip"
    assert weight_of(found.record()) == (1.0, "not tuned") and weight_of(found.record(), 3.0) == (3.0, "as given")
    chosen = {"split": "val", "mean_recall": {"towers": {"0.5": 9.0}}}
    _explained(run, alpha={"towers": 0.5, "mmae": 2}, alpha_chosen=chosen, low_agreement=0.25, reader_sha256=digest)
    about, why = describe_reader(run)
    assert about is not None and why is None
    assert (about["alpha"], about["alpha_chosen"], about["low_agreement"]) == (0.5, "validation", 0.25)
    assert weight_of(about) == (0.5, "chosen on validation")
    _explained(run, alpha={"towers": 2.0}, alpha_chosen="given", reader_sha256=digest)
    assert weight_of(load_reader_of(run).record()) == (2.0, "as given to evaluate")
    _explained(run, alpha={"towers": 2.0}, towers_sha256="of other weights")
    assert load_reader_of(run).alpha is None
    _explained(run, alpha={"towers": "much"})
    with pytest.raises(ModelError, match=r"explained\.json cannot be read: invalid field alpha\.towers"):
        load_reader_of(run)


def test_a_run_without_one_says_why(run, tmp_path) -> None:
    settings = (run / "settings.yaml").read_text()
    (run / "settings.yaml").write_text(settings.replace(f"local-dir:{tmp_path / 'clip'}", "ViT-B-32"))
    with pytest.raises(NoReaderError, match="started from random weights"):
        load_reader_of(run)
    (run / "settings.yaml").write_text(settings)
    weights = tmp_path / "clip" / "open_clip_model.safetensors"
    other = load_file(weights)
    other["text_projection"] *= 2
    _explained(run, alpha={"towers": 2.0}, reader_sha256=load_reader_of(run).sha256)
    save_file(other, weights)
    with pytest.raises(NoReaderError, match=r"have changed since its explained\.json was written"):
        load_reader_of(run)
    shutil.rmtree(tmp_path / "clip")
    assert describe_reader(run)[0] is None
    assert f"the towers that {run} started from cannot be loaded" in (describe_reader(run)[1] or "")
    (run / "settings.yaml").unlink()
    with pytest.raises(NoReaderError, match=r"has no settings\.yaml"):
        load_reader_of(run)
