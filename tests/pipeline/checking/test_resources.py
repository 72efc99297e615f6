import json
from pathlib import Path

import pytest
import torch

from entityclip.contract.torchvision_cpu import make_torchvision_importable
from pipeline.checking.resources import llm_memory
from pipeline.llm import LanguageModel

make_torchvision_importable()
from transformers import AutoModelForCausalLM  # noqa: E402


def test_weights_and_cache_are_those_that_transformers_holds(tiny_llama: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_llama)
    held = model(torch.tensor([[1, 2, 3, 4, 5]]), use_cache=True).past_key_values
    cached = sum(t.nbytes for layer in held.layers for t in (layer.keys, layer.values))
    found = llm_memory(LanguageModel("tiny", "1", str(tiny_llama), is_local=True), "auto", 64)
    assert found is not None
    assert found.kv_bytes_per_token == cached // 5
    tied = sum(parameter.nbytes for parameter in model.parameters())
    assert found.weights_bytes == pytest.approx(tied, rel=0.1)


def test_what_the_configuration_does_not_say_is_not_made_up(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"x" * 1000)
    model = LanguageModel("odd", "1", str(tmp_path), is_local=True)
    for config in ({}, {"num_attention_heads": "many"}, []):
        (tmp_path / "config.json").write_text(json.dumps(config))
        found = llm_memory(model, "auto", 64)
        assert found is not None and (found.weights_bytes, found.kv_bytes_per_token) == (1000, None)
    assert llm_memory(LanguageModel("org/not-here", "abc", "org/not-here", is_local=False), "auto", 64) is None
