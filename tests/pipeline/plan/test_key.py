import shutil
from dataclasses import replace
from pathlib import Path

from pipeline.llm import LanguageModel, find_language_model
from pipeline.manifest.generation import Engine, Sampling, TransformersEngine, VllmEngine
from pipeline.manifest.manifest import load_manifest
from pipeline.plan.key import Addresses
from pipeline.prompts.template import Message
from tests.support.dataset import write_manifest

MESSAGES = [{"role": "system", "content": "you explain"}, {"role": "user", "content": "a caption"}]


def _key(
    messages: list[Message], model: LanguageModel, sampling: Sampling, engine: Engine | None = None, **image: str
) -> str:
    return Addresses(model, sampling, engine or TransformersEngine()).address(messages, **image)[0]


def _model(tmp_path: Path, tiny_llama: Path) -> LanguageModel:
    return find_language_model(load_manifest(write_manifest(tmp_path, tiny_llama)))


def test_everything_that_decides_the_text_is_in_the_key(tmp_path: Path, tiny_llama: Path) -> None:
    model = _model(tmp_path, tiny_llama)
    other_template = replace(model)
    other_template.__dict__["chat_template_digest"] = "another"
    sampling = Sampling(temperature=0.7, max_tokens=8)
    keys = [
        _key(MESSAGES, model, sampling),
        _key([*MESSAGES[:1], {"role": "user", "content": "another"}], model, sampling),
        _key([{"role": "system", "content": "x"}, MESSAGES[1]], model, sampling),
        _key(MESSAGES[1:], model, sampling),
        _key(MESSAGES, replace(model, name="other"), sampling),
        _key(MESSAGES, replace(model, revision="other"), sampling),
        _key(MESSAGES, other_template, sampling),
        *(
            _key(MESSAGES, model, sampling.model_copy(update=change))
            for change in ({"temperature": 0.8}, {"top_p": 0.9}, {"max_tokens": 9}, {"seed": 1}, {"temperature": 0.0})
        ),
        _key(MESSAGES, model, sampling.model_copy(update={"stop": ("x",)})),
        _key(MESSAGES, model, Sampling(temperature=0, max_tokens=8, stop=("x",))),
        _key(MESSAGES, model, sampling, image="0" * 64),
        _key(MESSAGES, model, sampling, image="1" * 64),
        _key(MESSAGES, model, sampling, TransformersEngine(dtype="float32")),
        _key(MESSAGES, model, sampling, VllmEngine(serve={"quantization": "fp8"})),
        _key(MESSAGES, model, sampling, VllmEngine(dtype="float16", serve={"quantization": "fp8"})),
        _key(MESSAGES, model, sampling, VllmEngine(serve={"hf_overrides.rope_theta": 1e6})),
    ]
    assert len(set(keys)) == len(keys)


def test_what_does_not_decide_it_is_not(tmp_path: Path, tiny_llama: Path) -> None:
    model = _model(tmp_path, tiny_llama)
    greedy = Sampling(temperature=0, max_tokens=8)
    key = _key(MESSAGES, model, greedy)
    moved = shutil.copytree(tiny_llama, tmp_path / "elsewhere" / tiny_llama.name)
    assert key == _key(MESSAGES, _model(tmp_path, moved), greedy)
    assert key == _key(MESSAGES, model, greedy.model_copy(update={"seed": 5, "top_p": 0.5}))
    for engine in (
        TransformersEngine(batch_size=3, threads=2),
        VllmEngine(tensor_parallel_size=2, data_parallel_size=2, gpu_memory_utilization=0.5, max_num_seqs=9),
        VllmEngine(serve={"enable-prefix-caching": True}),
        VllmEngine(urls=("http://gpu1:8000/v1",), concurrency=3),
    ):
        assert key == _key(MESSAGES, model, greedy, engine)
    in_float16 = _key(MESSAGES, model, greedy, TransformersEngine(dtype="float16"))
    assert in_float16 == _key(MESSAGES, model, greedy, VllmEngine(dtype="float16"))


def test_a_folders_revision_is_its_content(tmp_path: Path, tiny_llama: Path) -> None:
    before = _model(tmp_path, tiny_llama).revision
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in tiny_llama.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    (copy / "README.md").write_text("not part of what the model says")
    assert _model(tmp_path, copy).revision == before
    config = (copy / "config.json").read_text()
    (copy / "config.json").write_text(config + "\n")
    assert _model(tmp_path, copy).revision != before


def test_row_seeds_differ_by_what_is_asked_and_by_base_seed(tmp_path: Path, tiny_llama: Path) -> None:
    model = _model(tmp_path, tiny_llama)
    one, other = (Addresses(model, Sampling(temperature=1, seed=seed), TransformersEngine()) for seed in (0, 1))
    asked = [one.address(MESSAGES), one.address(MESSAGES[1:]), one.address(MESSAGES, "0" * 64), other.address(MESSAGES)]
    seeds = {seed for _, seed in asked}
    assert len(seeds) == 4
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert one.address(MESSAGES) == asked[0]
    warmer = Addresses(model, Sampling(temperature=2, seed=0), TransformersEngine())
    assert warmer.address(MESSAGES)[1] == asked[0][1]  # so that arms of a comparison share their noise
