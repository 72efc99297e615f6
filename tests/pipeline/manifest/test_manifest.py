import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import PipelineError
from pipeline.job import open_job
from pipeline.manifest.generation import VllmEngine
from pipeline.manifest.manifest import load_manifest
from pipeline.readers import read_pairs
from tests.support.dataset import write_manifest, write_pairs

REPOSITORY = Path(__file__).parents[3]


def _vllm(**settings: Any) -> dict[str, Any]:
    return {"generation__engine": {"kind": "vllm", **settings}}


def test_shipped_manifests_name_things_that_exist() -> None:
    manifests = sorted((REPOSITORY / "data_manifests").glob("*.yaml"))
    assert manifests
    for path in manifests:
        model = open_job(path).model  # a folder, or a hub name at one commit
        assert re.fullmatch(r"sha256:[0-9a-f]{64}" if model.is_local else r"[0-9a-f]{40}", model.revision)


def test_paths_start_at_the_manifest(tmp_path: Path, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_manifest(tmp_path, tiny_llama)
    monkeypatch.chdir("/")
    manifest = load_manifest(path)
    assert manifest.output_location == tmp_path / "explanations"
    assert manifest.image_root == tmp_path / "images"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"num_shard": 3}, r"num_shard: unknown key; did you mean 'num_shards'\?"),
        ({"generation__sampling__temprature": 1}, r"sampling\.temprature: unknown key; did you mean 'temperature'\?"),
        ({"generation__sampling__top_p": 0}, r"generation\.sampling\.top_p: must be greater than 0"),
        ({"dataset__kind": "xls"}, r"dataset: .*'heraldry'.*'jsonl'"),
        ({"dataset__file": 3}, r"dataset\.jsonl\.file: must be text or must be a list or must be a mapping of keys"),
        ({"num_shards": "many"}, r"num_shards: must be a whole number"),
        ({"check_images": "perhaps"}, r"check_images: must be true or false"),
        ({"output": None}, r"output: must be text"),
        ({"generation__model": None}, r"generation\.model: must be text"),
        ({"generation__model": "hf-hub:org/name"}, r"generation\.model: 'hf-hub:org/name' .* write org/name, and "),
        ({"dataset__captions": "lines"}, r"dataset\.jsonl\.captions: unknown key; valid keys: held_out, .*columns"),
        ({"name": "../up"}, r"name: must match the pattern"),
        ({"generation__model": "no/such/model"}, r"generation\.model: no model folder at .*no/such/model"),
        (
            {"generation__model": "org/name"},
            r"no model folder at .*org/name; if org/name is a hub model, set generation\.revision",
        ),
        ({"generation__model": "images"}, r"generation\.model: .*has no config\.json"),
        (
            {"generation__prompt": "news-v99"},
            r"'news-v99' is neither shipped \(heraldry-v1, news-v1, news-v2\) nor a file",
        ),
        ({"generation__sampling__stop": ["a", ""]}, r"sampling\.stop\.1: must have at least 1 character"),
        ({"generation__sampling__stop": list("abcde")}, r"sampling\.stop: .* at most 4 items"),
        ({"generation__engine": {"kind": "vllm", "serve": {"max_model_len": 9}}}, r"set generation\.max_model_len"),
        ({"generation__engine": {"kind": "vllm", "tensor_paralel_size": 2}}, r"did you mean 'tensor_parallel_size'\?"),
        ({"generation__engine__dtype": "fp16"}, r"engine\.transformers\.dtype: must be 'auto', 'bfloat16'"),
        ({"generation__send_imag": True}, r"did you mean 'send_image'\?"),
        ({"generation__sampling__max_tokens": 64}, r"max_tokens \(64\) leaves no room"),
        (_vllm(url="http://a/v1"), r"engine\.vllm\.url: unknown key; did you mean 'urls'\?"),
        (_vllm(urls=["http://me:pw@a/v1"]), r"urls: .*a URL must not contain a user name, .* use api_key_env"),
        (_vllm(urls=["http://a/v1?key=pw"]), r"urls: .*a URL must not contain a user name, password or key"),
        (_vllm(urls=["gpu1:8000/v1"]), r"urls: .*'gpu1:8000/v1' is not a base URL such as http://gpu1:8000/v1"),
        (_vllm(urls=["http://gpu1:port/v1"]), r"urls: .*Port could not be cast to integer"),
        (_vllm(urls=["http://a/v1", "http://a/v1"]), r"urls: .*a URL occurs twice"),
        (_vllm(api_key_env="KEY"), r"api_key_env applies to running servers only; set urls"),
    ],
)
def test_a_mistake_is_named_with_its_mending(
    tmp_path: Path, tiny_llama: Path, changes: dict[str, Any], expected: str
) -> None:
    write_pairs(tmp_path, 1)
    path = write_manifest(tmp_path, tiny_llama, **changes)
    with pytest.raises(PipelineError, match=expected) as raised:
        open_job(path)
    assert "pw" not in str(raised.value)  # a message repeats no password


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expected a mapping with the keys"),
        ("- a\n- b\n", "expected a mapping with the keys"),
        ("name: [", "not valid YAML"),
        ("!!python/object/apply:os.system ['true']", "not valid YAML: could not determine a constructor"),
        ("name: a\nname: b\n", "not valid YAML: line 2: the key 'name' occurs twice"),
        (f"a: &a [{'x, ' * 200}]\nb: [{'*a, ' * 200}]\n", "not valid YAML: more than 20,000 values"),
    ],
)
def test_not_a_manifest(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(PipelineError, match=rf"broken\.yaml: {reason}"):
        load_manifest(path)


def test_missing_files_are_named(tmp_path: Path, tiny_llama: Path) -> None:
    with pytest.raises(PipelineError, match="no manifest at"):
        load_manifest(tmp_path / "none.yaml")
    write_pairs(tmp_path, 1)
    with pytest.raises(PipelineError, match=r"no image root at .*nowhere; set dataset\.root"):
        read_pairs(load_manifest(write_manifest(tmp_path, tiny_llama, dataset__root="nowhere")))
    with pytest.raises(PipelineError, match=r"no data file at .*other\.jsonl"):
        read_pairs(load_manifest(write_manifest(tmp_path, tiny_llama, dataset__file="other.jsonl")))


def test_another_engine_keeps_the_dtype_that_is_in_the_key(tmp_path: Path, tiny_llama: Path) -> None:
    write_pairs(tmp_path, 1)
    engine = {"kind": "transformers", "dtype": "float32", "batch_size": 3}
    job = open_job(write_manifest(tmp_path, tiny_llama, generation__engine=engine), engine="vllm")
    assert job.manifest.generation.engine == VllmEngine(dtype="float32")
    assert job.provenance("train", 0)["engine"]["dtype"] == "float32"
