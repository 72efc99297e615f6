import json

import pytest

from model.clip.open_clip_import import open_clip
from model.clip.pretrained import check_names
from model.clip.towers import load_towers
from model.errors import ModelError
from model.settings.schema import TowerSettings


def asked_for(model: str, tag: str | None) -> TowerSettings:
    return TowerSettings(model=model, pretrained=tag)


def test_weights_of_another_activation_are_refused_before_any_download(monkeypatch):
    def download(*_args, **_how):
        raise AssertionError("reached for the network")

    monkeypatch.setattr(open_clip.factory, "download_pretrained", download)
    with pytest.raises(
        ModelError, match=r"'openai' were trained with QuickGELU, but ViT-B-32 uses GELU; .* to ViT-B-32-q"
    ):
        load_towers(asked_for("ViT-B-32", "openai"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=r"openai is not in the cache .* HF_HUB_OFFLINE is set\. .*local-dir:FOLDER"):
        load_towers(asked_for("ViT-B-32-quickgelu", "openai"))  # the right name goes on to the download


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ("convnext_base", "the timm tower 'convnext_base' of .* is not supported; .*VisionTransformer"),
        ("roberta-ViT-B-32", "the transformers tower 'roberta-base'"),
    ],
)
def test_towers_of_other_libraries_are_refused(tmp_path, model, named):
    """By name and in a folder; open_clip would say that timm or transformers is not installed."""
    with pytest.raises(ModelError, match=rf"^towers.model: {named}"):
        load_towers(asked_for(model, None))
    config = {"model_cfg": open_clip.get_model_config(model)}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=named):
        load_towers(asked_for(f"local-dir:{tmp_path}", None))


def test_every_pair_of_open_clip_passes_or_is_refused_for_its_activation():
    refused = []
    for model, tag in open_clip.list_pretrained():
        try:
            check_names(asked_for(model, tag))
        except ModelError:
            refused.append((model, tag))
    openai = [(model, tag) for model, tag in open_clip.list_pretrained() if tag == "openai"]
    assert [pair for pair in openai if pair not in refused] == [pair for pair in openai if "quickgelu" in pair[0]]
    assert ("ViT-B-32", "laion2b_s34b_b79k") not in refused and ("RN50", "cc12m") in refused


def test_unknown_names_are_answered_with_what_there_is():
    with pytest.raises(ModelError, match=r"no model 'ViT-B-23'; similar names: .*ViT-B-32"):
        check_names(asked_for("ViT-B-23", None))
    with pytest.raises(ModelError, match=r"no weights 'opanai' for ViT-B-32-quickgelu; available tags: .*openai"):
        check_names(asked_for("ViT-B-32-quickgelu", "opanai"))
    check_names(asked_for("ViT-B-32", None))


def test_names_with_the_hubs_prefix_are_told_how_to_be_had():
    with pytest.raises(ModelError, match=r"names a model on .*hf download org/name --local-dir FOLDER"):
        load_towers(asked_for("hf-hub:org/name", None))
