"""The token ids that engines are sent are Hugging Face's own for the same chats."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from pipeline.errors import PipelineError
from pipeline.llm import LanguageModel, find_language_model
from pipeline.manifest.generation import Generation, Sampling, TransformersEngine
from pipeline.manifest.manifest import load_manifest
from pipeline.plan.key import Addresses
from pipeline.prompts.template import Message
from tests.support.dataset import write_manifest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("whose", ["demo", "tiny"])
def test_chats_are_encoded_as_hugging_face_encodes_them(
    whose: str, tmp_path: Path, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.llm._CHATS_PER_BATCH", 3)  # several batches, the last one short
    path = REPOSITORY / "data_manifests" / "heraldry.yaml" if whose == "demo" else write_manifest(tmp_path, tiny_llama)
    model: LanguageModel = find_language_model(load_manifest(path))
    texts = ["the arms of house ba", "", " ba  be\n", "<user> ba </s> <end>", "<begin>", "é 家 \U0001f600", "ba " * 900]
    chats: list[list[Message]] = [[{"role": "user", "content": text}] for text in texts]
    chats += [[{"role": "system", "content": "bo bi"}, *chat] for chat in chats]
    expected = [model.tokenizer.apply_chat_template(chat, add_generation_prompt=True)["input_ids"] for chat in chats]
    assert model.encode(chats) == expected
    assert len({tuple(ids) for ids in expected}) == len(chats)
    assert model.encode([]) == []


def test_a_folder_is_hashed_once_until_a_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "llm").mkdir()
    for name in ("config.json", "model.safetensors", "README.md"):
        (tmp_path / "llm" / name).write_text(name)
    manifest = load_manifest(write_manifest(tmp_path, tmp_path / "llm"))
    read: list[str] = []
    monkeypatch.setattr("pipeline.llm.digest", lambda path: read.append(path.name) or path.read_text())
    first = find_language_model(manifest).revision
    assert find_language_model(manifest).revision == first and read == ["config.json", "model.safetensors"]
    (tmp_path / "llm" / "model.safetensors").write_text("other weights")
    assert find_language_model(manifest).revision != first and len(read) == 4


def test_the_manifests_arguments_reach_the_chat_template_and_the_key(tmp_path: Path, tiny_llama: Path) -> None:
    folder = shutil.copytree(tiny_llama, tmp_path / "qwen")
    plain = find_language_model(load_manifest(write_manifest(tmp_path, folder)))
    template = (
        "{% if enable_thinking is defined and not enable_thinking %}be{% endif %}" + plain.tokenizer.chat_template
    )
    plain.tokenizer.chat_template = template
    plain.tokenizer.save_pretrained(folder)
    chats = [[{"role": "user", "content": "ba"}]]
    keys = set()
    lengths = []
    for arguments in ({}, {"enable_thinking": True}, {"enable_thinking": False}):
        content = yaml.safe_load(write_manifest(tmp_path, folder).read_text())
        content["generation"]["chat_template_kwargs"] = arguments
        (tmp_path / "m.yaml").write_text(yaml.safe_dump(content))
        model = find_language_model(load_manifest(tmp_path / "m.yaml"))
        lengths.append(len(model.encode(chats)[0]))
        keys.add(Addresses(model, Sampling(), TransformersEngine()).address(chats[0])[0])
    assert lengths[0] == lengths[1] < lengths[2]
    assert len(keys) == 3
    with pytest.raises(
        PipelineError, match=r"chat_template_kwargs: the chat template of model .* does not use 'think'"
    ):
        Addresses(replace(model, template_arguments={"think": False}), Sampling(), TransformersEngine())


@pytest.mark.parametrize("name", ["tokenize", "add_generation_prompt", "two words"])
def test_arguments_that_are_ours_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Generation.model_validate({"model": "m", "prompt": "p", "chat_template_kwargs": {name: True}})
