import shutil
from dataclasses import replace
from pathlib import Path

from pipeline.key import explanation_key, row_seed
from pipeline.llm import LanguageModel, find_language_model
from pipeline.manifest import Sampling, load_manifest
from tests.support.dataset import write_manifest

MESSAGES = [{"role": "system", "content": "you explain"}, {"role": "user", "content": "a caption"}]


def _model(tmp_path: Path, tiny_llama: Path) -> LanguageModel:
    return find_language_model(load_manifest(write_manifest(tmp_path, tiny_llama)))


def test_everything_that_decides_the_text_is_in_the_key(tmp_path: Path, tiny_llama: Path) -> None:
    model = _model(tmp_path, tiny_llama)
    other_template = replace(model)
    other_template.__dict__["chat_template_digest"] = "another"
    sampling = Sampling(temperature=0.7, max_tokens=8)
    keys = [
        explanation_key(MESSAGES, model, sampling),
        explanation_key([*MESSAGES[:1], {"role": "user", "content": "another"}], model, sampling),
        explanation_key([{"role": "system", "content": "x"}, MESSAGES[1]], model, sampling),
        explanation_key(MESSAGES[1:], model, sampling),
        explanation_key(MESSAGES, replace(model, name="other"), sampling),
        explanation_key(MESSAGES, replace(model, revision="other"), sampling),
        explanation_key(MESSAGES, other_template, sampling),
        *(
            explanation_key(MESSAGES, model, sampling.model_copy(update=change))
            for change in ({"temperature": 0.8}, {"top_p": 0.9}, {"max_tokens": 9}, {"seed": 1}, {"temperature": 0.0})
        ),
    ]
    assert len(set(keys)) == len(keys)


def test_what_does_not_decide_it_is_not(tmp_path: Path, tiny_llama: Path) -> None:
    model = _model(tmp_path, tiny_llama)
    greedy = Sampling(temperature=0, max_tokens=8)
    key = explanation_key(MESSAGES, model, greedy)
    moved = shutil.copytree(tiny_llama, tmp_path / "elsewhere" / tiny_llama.name)
    assert key == explanation_key(MESSAGES, _model(tmp_path, moved), greedy)
    assert key == explanation_key(MESSAGES, model, greedy.model_copy(update={"seed": 5, "top_p": 0.5}))


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


def test_row_seeds_differ_by_prompt_and_by_base_seed() -> None:
    sampling = Sampling(temperature=1, seed=0)
    seeds = {
        row_seed(MESSAGES, sampling),
        row_seed(MESSAGES[1:], sampling),
        row_seed(MESSAGES, sampling.model_copy(update={"seed": 1})),
    }
    assert len(seeds) == 3
    assert all(0 <= seed < 2**31 for seed in seeds)
