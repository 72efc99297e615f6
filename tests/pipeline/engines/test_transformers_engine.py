"""The embedded engine against Hugging Face's own generation of one row at a time."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipeline.engines.base import Completion, Request
from pipeline.engines.transformers_engine import TransformersGeneration, _SeededSampling
from pipeline.llm import LanguageModel, find_language_model
from pipeline.manifest.generation import Sampling, TransformersEngine
from pipeline.manifest.manifest import load_manifest
from pipeline.pair import Pair
from pipeline.prompts.template import load_prompt
from tests.support.dataset import write_manifest, write_pairs


@pytest.fixture(scope="module")
def model(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    folder = tmp_path_factory.mktemp("manifest")
    return find_language_model(load_manifest(write_manifest(folder, tiny_llama)))


@pytest.fixture(scope="module")
def requests(model: LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> list[Request]:
    records = write_pairs(tmp_path_factory.mktemp("pairs"), 24)
    prompt = load_prompt("heraldry-v1", Path())
    chats = [prompt.render(Pair(r["id"], r["split"], r["image"], r["caption"])) for r in records]
    encoded = model.encode(chats)
    return [Request(str(i), c, ids, i, 16) for i, (c, ids) in enumerate(zip(chats, encoded, strict=True))]


def _complete(
    model: LanguageModel, requests: list[Request], sampling: Sampling, batch_size: int
) -> dict[str, Completion]:
    settings = TransformersEngine(batch_size=batch_size, threads=1)
    with TransformersGeneration(model, sampling, settings) as engine:
        answers = list(engine.complete(requests))
    assert sorted(a.key for a in answers) == sorted(r.key for r in requests)
    return {a.key: a for a in answers}


def test_greedy_batches_say_what_one_row_at_a_time_says(model: LanguageModel, requests: list[Request]) -> None:
    answers = _complete(model, requests, Sampling(temperature=0), batch_size=7)
    with TransformersGeneration(model, Sampling(), TransformersEngine(threads=1)) as engine:
        llama, tokenizer = engine._loaded, model.tokenizer
        for request in requests:
            text = tokenizer.apply_chat_template(request.messages, add_generation_prompt=True, tokenize=False)
            ids = tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids
            assert ids.shape[1] == request.prompt_tokens == answers[request.key].prompt_tokens
            alone = llama.generate(ids, max_new_tokens=16, do_sample=False)[0, ids.shape[1] :]
            assert answers[request.key].completion_tokens == len(alone)
            assert answers[request.key].text == tokenizer.decode(alone, skip_special_tokens=True)
            ended = alone[-1].item() == tokenizer.eos_token_id
            assert answers[request.key].finish_reason == ("stop" if ended else "length")
    assert {a.finish_reason for a in answers.values()} == {"stop", "length"}  # the sample shows both


def test_a_text_ends_before_a_stop_text(model: LanguageModel, requests: list[Request]) -> None:
    whole = _complete(model, requests, Sampling(temperature=0), batch_size=7)
    words = [word for answer in whole.values() for word in (answer.text or "").split()]
    stop = (f"{words[3]} ", words[40], words[1][-1] + " " + words[2][:2])  # the last begins within a word
    answers = _complete(model, requests, Sampling(temperature=0, stop=stop), batch_size=7)
    tokenizer, stopped = model.tokenizer, 0
    for key, answer in answers.items():
        ids = tokenizer.convert_tokens_to_ids((whole[key].text or "").split())
        for length in range(1, len(ids) + 1):  # token by token, as a reader of the stream would
            text = tokenizer.decode(ids[:length])
            if any(one in text for one in stop):
                expected = min((text.split(one)[0] for one in stop if one in text), key=len)
                assert (answer.text, answer.finish_reason, answer.completion_tokens) == (expected, "stop", length)
                stopped += 1
                break
        else:
            assert answer == whole[key]
    assert 3 <= stopped < len(answers)


def test_a_dtype_is_kept(model: LanguageModel) -> None:
    for dtype, expected in (("auto", torch.bfloat16), ("float32", torch.float32)):  # the tiny model is stored in bf16
        settings = TransformersEngine.model_validate({"dtype": dtype, "threads": 1})
        with TransformersGeneration(model, Sampling(), settings) as engine:
            assert engine._loaded.dtype == expected


def test_a_sampled_text_depends_on_its_seed_alone(model: LanguageModel, requests: list[Request]) -> None:
    sampling = Sampling(temperature=0.9, top_p=0.95)
    together = _complete(model, requests, sampling, batch_size=24)
    apart = _complete(model, requests[::-1], sampling, batch_size=5)
    assert together == apart
    reseeded = _complete(model, [replace(r, seed=r.seed + 1000) for r in requests], sampling, batch_size=24)
    differing = sum(reseeded[key].text != together[key].text for key in together)
    assert differing > len(requests) / 2


@pytest.mark.parametrize("top_p", [1.0, 0.7])
def test_the_draws_follow_the_softmax(top_p: float) -> None:
    scores = torch.tensor([[2.0, 1.0, 0.5, 0.0, -3.0]])
    temperature, draws = 0.8, 20_000
    sampling = Sampling(temperature=temperature, top_p=top_p)
    sampler = _SeededSampling(sampling, [7])
    counts = torch.bincount(torch.stack([sampler(None, scores).argmax() for _ in range(draws)]), minlength=5)  # type: ignore[arg-type]
    expected = (scores[0] / temperature).softmax(-1)
    if top_p < 1:
        expected = torch.where(expected.cumsum(-1) - expected < top_p, expected, 0)
        expected = expected / expected.sum()
    assert torch.all(counts[expected == 0] == 0)
    deviation = (counts / draws - expected).abs()
    assert torch.all(deviation <= 5 * (expected * (1 - expected) / draws).sqrt())


def test_a_text_that_cannot_be_stored_is_an_error(
    model: LanguageModel, requests: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens of bytes decode to control characters."""
    monkeypatch.setattr(model.tokenizer, "decode", lambda ids, **_: "a\x00b" if ids else "")
    answers = _complete(model, requests[:2], Sampling(temperature=0, max_tokens=4), batch_size=2)
    assert {answer.error for answer in answers.values()} == {
        "the answer cannot be stored: it has a control character ('\\x00' at character 2); it begins 'a\\x00b'"
    }
