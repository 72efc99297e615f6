import re

import pytest
import yaml

from model.errors import ModelError
from model.settings_file import load_settings

YAML = """
towers: {model: "local-dir:clip"}
data: {explanations: ../shards}
optim: {steps: 10, batch_size: 4, lr: 1e-3}
"""


@pytest.fixture
def file(tmp_path, clip_folder):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "clip").symlink_to(clip_folder)
    path = tmp_path / "conf" / "train.yaml"
    path.write_text(YAML)
    return path


def test_paths_in_the_file_start_at_its_folder(file, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    settings = load_settings(file, [])
    assert settings.data.explanations == tmp_path / "shards"
    assert settings.towers.folder == (tmp_path / "conf" / "clip").resolve()
    assert settings.optim.lr == 1e-3  # YAML reads 1e-3 as text


def test_overrides_are_yaml_and_their_paths_start_at_the_working_directory(file, tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    settings = load_settings(
        file,
        ["optim.lr=2e-4", "method.mmae=false", "data.explanations=mine", "data.statuses=[ok, truncated]", "seed=7"],
    )
    assert settings.optim.lr == 2e-4 and settings.optim.steps == 10
    assert not settings.method.mmae and settings.method.gi_itm
    assert settings.data.explanations == tmp_path / "work" / "mine"
    assert settings.data.statuses == ("ok", "truncated")
    assert settings.seed == 7


def test_a_written_copy_reads_back_the_same(file, tmp_path):
    settings = load_settings(file, ["data.image_root=pictures"])
    copy = tmp_path / "copy.yaml"
    copy.write_text(yaml.safe_dump(settings.as_plain()))
    assert load_settings(copy, []) == settings


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("optim.stpes=3", ["override optim.stpes", "did you mean 'steps'"]),
        ("optim.steps=many", ["override optim.steps", "integer", "'many'"]),
        ("method.image_experts=-1", ["override method.image_experts", "greater than or equal to 0"]),
        ("optim.batch_size=1", ["override optim.batch_size", "greater than or equal to 2"]),
        ("colour=blue", ["override colour", "valid: towers, method"]),
        ("optim", ["section.key=value"]),
        ("towers.model=local-dir:nowhere", ["override towers.model", "no model folder", "nowhere"]),
        ("towers.pretrained=openai", ["brings its own weights"]),
        ("optim.lr.high=3", ["optim.lr", "number"]),
    ],
)
def test_mistakes_in_overrides_are_named(file, override, words):
    with pytest.raises(ModelError) as caught:
        load_settings(file, [override])
    for word in words:
        assert word in str(caught.value)


def test_mistakes_in_the_file_are_named(file, tmp_path):
    file.write_text(YAML.replace("explanations", "explanation"))
    with pytest.raises(ModelError, match=f"{re.escape(str(file))}: data.explanation: .*did you mean 'explanations'"):
        load_settings(file, [])
    file.write_text(YAML.replace("local-dir:clip", "local-dir:clp"))
    with pytest.raises(ModelError, match=r"towers.model: no model folder at .*clp; .* has clip"):
        load_settings(file, [])
    file.write_text("towers: [")
    with pytest.raises(ModelError, match="cannot be read as YAML"):
        load_settings(file, [])
    with pytest.raises(ModelError, match="no training settings at"):
        load_settings(tmp_path / "none.yaml", [])
    (tmp_path / "empty").mkdir()
    file.write_text(YAML.replace("local-dir:clip", "local-dir:../empty"))
    with pytest.raises(ModelError, match=r"lacks open_clip_config\.json"):
        load_settings(file, [])
