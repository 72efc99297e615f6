"""Answers that people's servers gave, and what they expect of a run: one test for each of tests/data/servers."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from entityclip.contract.status import Status
from pipeline.engines.base import Completion, Request
from pipeline.engines.vllm.client import VllmGeneration
from pipeline.engines.vllm.endpoints import Backoff
from pipeline.errors import PipelineError
from pipeline.generation.redo import Redo
from pipeline.job import Job, open_job
from pipeline.llm import LanguageModel
from pipeline.manifest.generation import Sampling, VllmEngine
from pipeline.shards.shard import Row
from tests.support.dataset import write_manifest, write_pairs
from tests.support.fake_vllm import FakeVllm, Handler, changed, status
from tests.support.generation import all_rows, generate
from tests.support.scripted_engine import ScriptedEngine

CASES = Path(__file__).parents[4] / "tests" / "data" / "servers" / "cases.json"
MODEL = LanguageModel("llama", "1", "nowhere", is_local=True)
QUICK = Backoff(first_seconds=0.002, cap_seconds=0.02, longest_pause=0.05)
COUNT = 30
TESTED = {
    "no usage": "test_tokens_are_counted_here_and_that_is_said",
    "finish_reason eos_token": "test_an_eos_token_is_a_stop",
    "finish_reason null": "test_a_null_is_an_error_at_once",
    "finish_reason abort": "test_what_the_engine_aborts_each_time_is_an_error",
    "200 with an error object": "test_the_servers_own_error_stops_the_run",
    "content as list of parts": "test_parts_are_joined",
    "URL without /v1": "test_a_url_without_v1_is_told_with_it",
    "URL with the whole path": "test_the_path_of_a_request_is_told_to_be_left_out",
    "429 with Retry-After 86400 on a third of the requests": "test_a_day_of_retry_after_is_cut_and_said",
    "bytes that trickle": "test_a_trickle_does_not_extend_the_time_for_a_request",
}


def test_each_case_has_its_test() -> None:
    assert {case["name"] for case in json.loads(CASES.read_text(encoding="utf-8"))} == TESTED.keys()
    assert set(TESTED.values()) <= globals().keys()


@pytest.fixture
def server() -> Iterator[FakeVllm]:
    with FakeVllm("llama") as fake:
        yield fake


def _engine(server: FakeVllm, model: LanguageModel = MODEL, **settings: Any) -> VllmGeneration:
    options = {"prompts_per_request": 1, "concurrency": 16, "wait_for_server": 20.0} | settings
    engine = VllmEngine(urls=(server.url,), **options)
    return VllmGeneration(model, Sampling(temperature=0, max_tokens=8), engine, 64, None, QUICK)


def _complete(server: FakeVllm, count: int = COUNT, image: str | None = None, **settings: Any) -> list[Completion]:
    messages = [{"role": "user", "content": "ab"}]
    requests = [Request(f"k{i}", messages, [7, i], seed=i, max_tokens=8, image_url=image) for i in range(count)]
    with _engine(server, **settings) as engine:
        return list(engine.complete(requests))


def _job(folder: Path, llama: Path) -> Job:
    write_pairs(folder, COUNT)
    return open_job(write_manifest(folder, llama, generation__max_error_share=1.0))


def _rows(job: Job, server: FakeVllm, **redo: Any) -> dict[str, Row]:
    server.model = job.model.name
    generate(job, _engine(server, job.model), redo=Redo(**redo))
    return all_rows(job.output)


def test_tokens_are_counted_here_and_that_is_said(
    server: FakeVllm, tmp_path: Path, tiny_llama: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server.always = changed(lambda answer: (answer.pop("usage"), answer["choices"][0].pop("token_ids")))
    job = _job(tmp_path, tiny_llama)
    rows = _rows(job, server).values()
    assert not [row for row in rows if row.error]
    for row in rows:
        assert row.completion_tokens == len(job.model.tokenizer(row.raw_text, add_special_tokens=False)["input_ids"])
        assert row.prompt_tokens == len(str(row.raw_text).split()) - 1  # the fake repeats the prompt's token ids
    assert capfd.readouterr().err.count("counted with the model's own tokenizer") == 1


def test_an_eos_token_is_a_stop(server: FakeVllm) -> None:
    server.always = changed(lambda answer: answer["choices"][0].update(finish_reason="eos_token"))
    assert {(c.finish_reason, c.error) for c in _complete(server)} == {("stop", None)}


def test_a_null_is_an_error_at_once(server: FakeVllm) -> None:
    server.always = changed(lambda answer: answer["choices"][0].update(finish_reason=None))
    assert {c.error for c in _complete(server)} == {
        "the answer may be incomplete: it has finish_reason null, not 'stop' or 'length'"
    }
    assert set(server.asked.values()) == {1}


@pytest.mark.parametrize("count", [1, 3])
def test_what_the_engine_aborts_each_time_is_an_error(server: FakeVllm, count: int) -> None:
    """Though no other request shows that the server works: it said itself that it gave up on this one."""
    server.always = changed(lambda answer: answer["choices"][0].update(finish_reason="abort", text=""))
    assert {c.error for c in _complete(server, count)} == {
        "the engine gave up on the answer (finish_reason 'abort') (8 attempts)"
    }
    assert set(server.asked.values()) == {8}


def test_the_servers_own_error_stops_the_run(server: FakeVllm) -> None:
    server.always = lambda handler, _: handler.say(200, b'{"error": {"message": "CUDA out of memory"}}')
    with pytest.raises(PipelineError, match=r"has answered for 1 s .*HTTP 200 with an error: CUDA out of memory"):
        _complete(server, wait_for_server=0.6)


def test_parts_are_joined(server: FakeVllm) -> None:
    parts = [{"type": "text", "text": "a pi"}, {"type": "text", "text": "cture"}]
    server.always = changed(lambda answer: answer["choices"][0]["message"].update(content=parts))
    assert {c.text for c in _complete(server, image="file:///0.png")} == {"a picture"}


def test_a_url_without_v1_is_told_with_it(server: FakeVllm) -> None:
    for wrong in (server.url.removesuffix("/v1"), f"{server.url}/openai"):
        settings = VllmEngine(urls=(wrong,))
        with (
            pytest.raises(
                PipelineError, match=rf"{wrong} has no .* gives HTTP 404: .*, but {server.url} has one; write that"
            ),
            VllmGeneration(MODEL, Sampling(), settings, 64, None),
        ):
            pass


@pytest.mark.parametrize("path", ["/chat/completions", "/completions", "/completions/", "/models"])
def test_the_path_of_a_request_is_told_to_be_left_out(path: str) -> None:
    with pytest.raises(
        ValidationError, match=rf"leave out {path} at the end of .*: the base URL is http://gpu1:8000/v1 "
    ):
        VllmEngine(urls=(f"http://gpu1:8000/v1{path}",))
    VllmEngine(urls=("http://gpu1:8000/models", "http://gpu1:8000/v1"))  # which may be a base URL


def test_a_day_of_retry_after_is_cut_and_said(server: FakeVllm, capfd: pytest.CaptureFixture[str]) -> None:
    asked = iter(range(10_000))

    def a_third(handler: Handler, body: bytes) -> None:
        turned_away = next(asked) % 3 == 0
        status(429, Retry_After="86400")(handler, b"") if turned_away else handler.say(200, body)

    server.always = a_third
    assert {c.error for c in _complete(server)} == {None}
    said = capfd.readouterr().err
    assert f"{server.url} asks for a pause of 86,400 s; it is asked again after 0.05 s: HTTP 429: " in said
    assert Backoff().longest_pause == 60


def test_who_is_turned_away_each_time_while_others_are_answered_is_an_error(server: FakeVllm) -> None:
    def all_but_one(handler: Handler, body: bytes) -> None:
        is_first = json.loads(body)["choices"][0]["prompt_token_ids"] == [7, 0]
        status(429, Retry_After="0")(handler, b"") if is_first else handler.say(200, body)

    server.always = all_but_one
    completions = _complete(server)
    assert [(c.key, c.error) for c in completions if c.error] == [
        ("k0", 'HTTP 429: {"error": "a fault"} (100 attempts, while others were answered)')
    ]


def test_a_trickle_does_not_extend_the_time_for_a_request(server: FakeVllm) -> None:
    def trickle(handler: Handler, body: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        with suppress(OSError):
            for byte in body:  # for seconds in all, but never long without a byte
                handler.wfile.write(bytes([byte]))
                handler.wfile.flush()
                time.sleep(0.05)

    server.always = trickle
    with pytest.raises(PipelineError, match=r"no complete answer within 0.4 s \(generation\.engine\.request_timeout\)"):
        _complete(server, count=1, request_timeout=0.4, wait_for_server=0.5)


@pytest.mark.parametrize("image", [None, "file:///0.png"])
def test_a_second_answer_to_one_request_is_not_taken_for_the_next_ones(server: FakeVllm, image: str | None) -> None:
    def twice(handler: Handler, body: bytes) -> None:
        handler.say(200, body)
        handler.say(200, body.replace(b"about", b"no longer about"))

    server.faults.extend([twice] * 3)
    completions = _complete(server, count=8, image=image, concurrency=1)
    texts = {c.key: c.text for c in completions}
    assert texts == {f"k{i}": "about a b" if image else f"about 7 {i}" for i in range(8)}


def test_answers_that_cannot_be_stored_end_no_run(server: FakeVllm, tmp_path: Path, tiny_llama: Path) -> None:
    """They are rows with an error, in shards that are read again; a re-run asks nothing; a redo mends them."""
    changes = [
        changed(lambda answer: answer["choices"][0].update(text="a \ud800")),
        changed(lambda answer: answer["usage"].update(completion_tokens="many")),
        changed(lambda answer: answer["usage"].update(prompt_tokens=2**40)),
        changed(lambda answer: answer["choices"][0].update(text="\x1b[2J")),
        lambda handler, body: handler.say(200, body[:-1] + b" " * 2**21 + b"}"),
        lambda handler, body: handler.say(400, b"\x1b]0;owned\x07 https://me:hunter2@host/?sig=abc"),
    ]
    job = _job(tmp_path, tiny_llama)
    server.faults.extend(changes)
    errors = sorted(str(row.error) for row in _rows(job, server).values() if row.status == Status.ERROR)
    assert len(errors) == len(changes) and all(error.isprintable() for error in errors)
    assert errors[0] == r"HTTP 400: \x1b]0;owned\x07 https://***@host/?sig=***"
    assert sum("cannot be stored" in error for error in errors) == 4
    assert sum("the answer is larger than 1,0" in error for error in errors) == 1
    generate(job, none := ScriptedEngine())
    assert none.asked == []
    redone = _rows(job, server, statuses=frozenset({Status.ERROR}))
    assert {row.raw_text is None for row in redone.values()} == {False}
