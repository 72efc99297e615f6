"""The token ids that engines are sent are Hugging Face's own for the same chats."""

from pathlib import Path

import pytest

from pipeline.llm import LanguageModel, find_language_model
from pipeline.manifest.manifest import load_manifest
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
