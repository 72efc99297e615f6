import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from entityclip.contract.yaml_file import LONGEST
from model.clip.pretrained import check_names
from model.errors import ModelError
from model.settings.load import load_run_settings, load_settings

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
        ("optim.steps=many", ["override optim.steps", "whole number", "'many'"]),
        ("method.image_experts=-1", ["override method.image_experts", "at least 0"]),
        ("optim.lr=.inf", ["override optim.lr", "finite number"]),
        ("optim.batch_size=1", ["override optim.batch_size", "at least 2"]),
        ("colour=blue", ["override colour", "valid keys: towers, method"]),
        ("optim", ["section.key=value"]),
        ("towers.model=local-dir:nowhere", ["override towers.model", "no model folder", "nowhere"]),
        ("towers.pretrained=openai", ["contains its own weights"]),
        ("optim.lr.high=3", ["optim.lr", "number"]),
        ("preset=papr", ["no preset 'papr'", "default, paper, paper-goodnews"]),
        ("optim.groups=[{pattern: x, lrr: 1}]", ["optim.groups.0.lrr", "did you mean 'lr'"]),
        ("optim.groups=[{pattern: '(', lr: 1}]", ["optim.groups.0.pattern", "not a regular expression"]),
        ("optim.groups=[{pattern: x}]", ["optim.groups.0", "neither has no effect"]),
        ("optim.steps=null", ["optim", "set exactly one of steps and epochs"]),
        ("optim={optimizer: adam}", ["optim", "with adam set weight_decay to 0"]),
        ("optim.groups=[{pattern: x, lr: 1, lr: 2}]", ["override 'optim.groups=", "the key 'lr' occurs twice"]),
        ("seed=2001-99-99", ["override 'seed=2001-99-99'", "month"]),
        ("lock.text_unlocked_layers=1", ["lock", "set lock.image or lock.text"]),
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
    with pytest.raises(ModelError, match=r"towers.model: no model folder at .*clp; similar names in .*: clip"):
        load_settings(file, [])
    file.write_text("towers: [")
    with pytest.raises(ModelError, match="not valid YAML"):
        load_settings(file, [])
    with pytest.raises(ModelError, match="no training settings at"):
        load_settings(tmp_path / "none.yaml", [])
    (tmp_path / "empty").mkdir()
    file.write_text(YAML.replace("local-dir:clip", "local-dir:../empty"))
    with pytest.raises(ModelError, match=r"open_clip_config\.json is missing"):
        load_settings(file, [])


def test_a_key_that_occurs_twice_is_refused_with_its_line(file):
    file.write_text(YAML + "method:\n  mmae: true\n  mmae: false\n")
    with pytest.raises(ModelError, match=f"{re.escape(str(file))}: .*line 7: the key 'mmae' occurs twice"):
        load_settings(file, [])
    file.write_text(YAML + "optim: {lr: 1e-5}\n")
    with pytest.raises(ModelError, match="line 5: the key 'optim' occurs twice"):
        load_settings(file, [])
    file.write_text(YAML.replace("lr: 1e-3", "<<: {lr: 1, beta1: 0.5}, lr: 1e-3"))
    optim = load_settings(file, []).optim
    assert (optim.lr, optim.beta1) == (1e-3, 0.5), "a merge key gives what the mapping itself leaves out"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("preset: défaut".encode("latin-1"), "the file is not UTF-8"),
        ("preset: default".encode("utf-16"), "the file is not UTF-8"),
        (b"seed: 2001-99-99", "not valid YAML: month"),
        (b"seed: !!timestamp x", "not valid YAML"),
        (b"[" * 5000, "not valid YAML: it is nested too deep"),
        (b"a: &a [" + b"x, " * 200 + b"]\nb: [" + b"*a, " * 200 + b"]", "not valid YAML: more than 20,000 values"),
        (b"# " + b"x" * LONGEST, "the file has more than 1,048,576 bytes; check"),
    ],
)
def test_a_file_in_another_encoding_or_form_is_an_error_of_ours(file, content, words):
    file.write_bytes(content)
    with pytest.raises(ModelError, match=f"{re.escape(str(file))}: {words}"):
        load_settings(file, [])


def test_a_wrong_value_is_shown_short_though_aliases_unfold_into_thousands(file):
    aliases = "a: &a [1, 1]\n" + "".join(f"{b}: &{b} [{f'*{a}, ' * 7}]\n" for a, b in pairwise("abcde"))
    file.write_text(aliases + YAML.replace("lr: 1e-3", "lr: *e"))
    with pytest.raises(ModelError, match=r"optim.lr: .*got \[\[\[\.\.\.\]") as caught:
        load_settings(file, [])
    assert len(str(caught.value)) < 10_000


def test_the_authors_recipes(file):
    """docs of the method: Adam, lr 1e-5 (GoodNews 5e-6), no decay, no warm-up, 20 epochs of batches of 192, seed 42."""
    file.write_text("preset: paper\ndata: {explanations: shards}\n")
    paper = load_settings(file, [])
    optim = paper.optim
    assert (optim.optimizer, optim.lr, optim.new_lr, optim.weight_decay, optim.warmup) == ("adam", 1e-5, 1e-5, 0, 0)
    assert (optim.epochs, optim.steps, optim.batch_size, paper.seed) == (20, None, 192, 42)
    assert (optim.total_steps(1000), optim.total_steps(192)) == (100, 20), "incomplete batches are left out"
    method = paper.method
    assert (method.image_experts, method.shared_experts, method.text_experts) == (4, 4, 4)
    assert (method.aux_weight, method.itm_weight, method.bridge_weight) == (0.1, 0.1, 0)
    check_names(paper.towers)
    goodnews = load_settings(file, ["preset=paper-goodnews"])
    assert goodnews.optim == optim.model_copy(update={"lr": 5e-6, "new_lr": 5e-6})
    assert goodnews.model_copy(update={"optim": optim, "preset": "paper"}) == paper


def test_a_preset_gives_what_the_file_leaves_out(file):
    file.write_text("preset: paper\n" + YAML)
    settings = load_settings(file, ["optim.beta1=0.5"])
    assert (settings.optim.steps, settings.optim.epochs) == (10, None), "the file's length takes the preset's place"
    assert (settings.optim.lr, settings.optim.beta1, settings.optim.beta2) == (1e-3, 0.5, 0.999)
    assert settings.towers.pretrained is None, "a folder brings its own weights"
    assert load_settings(file, ["optim.epochs=3"]).optim.steps is None
    other = load_settings(file, ["preset=default"])
    assert (other.optim.optimizer, other.optim.lr, other.seed) == ("adamw", 1e-3, 0)
    copy = file.with_name("copy.yaml")
    copy.write_text(yaml.safe_dump(settings.as_plain()))
    assert load_settings(copy, []) == load_run_settings(copy) == settings


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[3] / "data_manifests").glob("*/train.yaml")), ids=str)
def test_the_shipped_settings_are_valid_and_their_towers_exist(path):
    check_names(load_settings(path, []).towers)
