"""The client against a server that fails in every way: each row is answered once, and asked no more than it must."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from pipeline.engines.base import Completion, Request
from pipeline.engines.vllm.client import VllmGeneration
from pipeline.engines.vllm.endpoints import Backoff, Endpoints
from pipeline.errors import PipelineError
from pipeline.llm import LanguageModel
from pipeline.manifest.generation import Sampling, VllmEngine
from tests.support.fake_vllm import FakeVllm, Fault, changed, reset_in_the_body, status, text_for, truncated_json

MODEL = LanguageModel("llama", "1", "nowhere", is_local=True)
GREEDY = Sampling(temperature=0, max_tokens=8)
COUNT, TOGETHER = 40, 4
QUICK = Backoff(first_seconds=0.002, cap_seconds=0.02)


def _requests(count: int = COUNT) -> list[Request]:
    return [Request(f"k{i}", [], [7, i % 5, i], seed=i, max_tokens=8) for i in range(count)]


@contextmanager
def _engine(*servers: FakeVllm, sampling: Sampling = GREEDY, **settings: Any) -> Iterator[VllmGeneration]:
    options = {"prompts_per_request": TOGETHER, "concurrency": 16, "wait_for_server": 20.0} | settings
    engine = VllmEngine(urls=tuple(server.url for server in servers), **options)
    with VllmGeneration(MODEL, sampling, engine, 64, None, QUICK) as generation:
        yield generation


@pytest.fixture
def server() -> Iterator[FakeVllm]:
    with FakeVllm("llama") as fake:
        yield fake


def _assert_answered_once(requests: list[Request], completions: list[Completion]) -> None:
    assert Counter(c.key for c in completions) == Counter(r.key for r in requests)
    answers = {c.key: c for c in completions}
    for request in requests:
        assert answers[request.key] == Completion(
            request.key, text_for(tuple(request.prompt_token_ids)), "stop", request.prompt_tokens, request.prompt_tokens
        )


def test_prompts_travel_together_only_where_none_needs_a_seed_of_its_own(server: FakeVllm) -> None:
    requests = _requests()
    redone = [Request(f"r{i}", [], [8, i], seed=0, max_tokens=16) for i in range(3)]
    with _engine(server) as engine:
        _assert_answered_once(requests + redone, list(engine.complete(requests + redone)))
    sizes = sorted(len(body["prompt"]) for body in server.bodies)  # they may arrive in any order
    assert sizes == [3] + [TOGETHER] * (COUNT // TOGETHER)
    assert {len(b["prompt"]): b["max_tokens"] for b in server.bodies} == {TOGETHER: 8, 3: 16}
    sent = [prompt for body in server.bodies if body["max_tokens"] == 8 for prompt in body["prompt"]]
    assert sorted(map(tuple, sent)) == sorted(tuple(r.prompt_token_ids) for r in requests)
    for body in server.bodies:  # a common prefix stays together: the second token changes 5 times, not 40
        assert body["prompt"] == sorted(body["prompt"])
        assert body["repetition_penalty"] == 1.0 and body["top_k"] == 0  # not the server's own defaults

    server.bodies.clear()
    with _engine(server, sampling=Sampling(temperature=0.7, max_tokens=8)) as engine:
        _assert_answered_once(requests, list(engine.complete(requests)))
    assert {(tuple(b["prompt"][0]), b["seed"]) for b in server.bodies} == {
        (tuple(r.prompt_token_ids), r.seed) for r in requests
    }


@pytest.mark.parametrize(
    "faults",
    [
        [status(500)] * 6,
        [status(503, Retry_After="0")] * 3,
        [status(429)] * 12,  # more than a request is tried
        [status(408)],
        [reset_in_the_body] * 4,
        [truncated_json] * 3,
        [changed(lambda a: a["choices"].pop())],
        [changed(lambda a: a["choices"][0].update(index=1))],
        [changed(lambda a: a["choices"][0].update(finish_reason="abort"))],  # what a server says that is shut down
        [changed(lambda a: a["choices"][0].update(prompt_token_ids=[1]))],
        [changed(lambda a: a.pop("choices"))],
    ],
    ids=["500", "503", "429", "408", "reset", "truncated", "missing", "index", "abort", "another's", "no choices"],
)
def test_a_fault_is_asked_again_and_nothing_else_is(server: FakeVllm, faults: list[Fault]) -> None:
    server.faults.extend(faults)
    requests = _requests()
    with _engine(server, concurrency=TOGETHER) as engine:
        _assert_answered_once(requests, list(engine.complete(requests)))
    assert set(server.answered.values()) == {1}
    assert server.asked.total() == COUNT + len(faults) * TOGETHER


def test_one_refused_prompt_of_several_is_found_by_asking_each(server: FakeVllm) -> None:
    requests = _requests()
    bad = requests[17]
    server.refused = {tuple(bad.prompt_token_ids)}
    with _engine(server) as engine:
        completions = list(engine.complete(requests))
    _assert_answered_once([r for r in requests if r is not bad], [c for c in completions if c.key != bad.key])
    (refusal,) = [c for c in completions if c.key == bad.key]
    assert refusal.text is None and refusal.error is not None and refusal.error.startswith("HTTP 400: ")
    batch = next(b["prompt"] for b in server.bodies if bad.prompt_token_ids in b["prompt"])
    assert {p for p, times in server.asked.items() if times == 2} == set(map(tuple, batch))
    assert max(server.asked.values()) == 2


def test_a_row_that_breaks_the_server_each_time_becomes_an_error_when_others_are_answered(server: FakeVllm) -> None:
    requests = _requests()
    server.broken = {tuple(requests[3].prompt_token_ids)}
    with _engine(server) as engine:
        completions = list(engine.complete(requests))
    errors = [c for c in completions if c.error is not None]
    assert [c.key for c in errors] == ["k3"] and len(completions) == COUNT
    assert errors[0].error == "HTTP 500: cannot do this one (8 attempts, while others were answered)"


def test_a_request_that_always_fails_does_not_take_every_turn_at_a_failing_server() -> None:
    async def turns() -> list[str]:
        endpoints = Endpoints([lambda: "http://gpu1:8000/v1"], 600.0, QUICK)
        taken: list[str] = []

        async def fail(name: str) -> None:
            while len(taken) < 40:
                async with endpoints.turn(1) as turn:
                    taken.append(name)
                    await asyncio.sleep(0)
                    endpoints.failed(turn, "down")

        await asyncio.gather(*map(fail, "abcd"))
        return taken

    assert asyncio.run(turns())[4:40] == list("abcd") * 9


def test_retry_after_is_honoured_though_others_are_answered_meanwhile(server: FakeVllm) -> None:
    server.seconds = 0.02
    server.faults.append(status(429, Retry_After="1"))
    requests = _requests(100)
    with _engine(server, concurrency=8, prompts_per_request=1) as engine:
        _assert_answered_once(requests, list(engine.complete(requests)))
    first = server.times[0]
    assert server.answered.total() == 100 and server.asked.total() == 101
    assert len([t for t in server.times if t < first + 0.5]) < 40  # then nobody asks for a second
    assert not [t for t in server.times if first + 0.5 < t < first + 1.0]


def test_all_buckets_share_the_prompts_in_flight(server: FakeVllm) -> None:
    server.seconds = 0.01
    requests = _requests(200)
    with _engine(server, concurrency=18) as engine, ThreadPoolExecutor(4) as buckets:
        answers = buckets.map(lambda i: list(engine.complete(requests[i::4])), range(4))
        _assert_answered_once(requests, [c for bucket in answers for c in bucket])
    assert 18 - TOGETHER < server.most_in_flight <= 18


def test_the_server_dies_and_comes_back(server: FakeVllm) -> None:
    server.seconds = 0.01
    requests = _requests(100)
    with _engine(server) as engine:
        completions = engine.complete(requests)
        got = [next(completions) for _ in range(10)]
        server.down()
        threading.Timer(0.2, server.up).start()
        got += completions
    _assert_answered_once(requests, got)
    assert server.asked.total() <= 100 + 16 + TOGETHER  # what was in flight, and a probe


def test_a_server_that_never_comes_back_stops_the_run_with_what_was_answered(
    server: FakeVllm, capfd: pytest.CaptureFixture[str]
) -> None:
    server.seconds = 0.01
    got: list[Completion] = []
    with _engine(server, wait_for_server=1.2) as engine:
        completions = engine.complete(_requests(100))
        got += [next(completions) for _ in range(10)]
        server.down()
        with pytest.raises(
            PipelineError, match=r"(?s)no vLLM server at .* has answered for 1 s .*run again to continue"
        ):
            got += completions
    assert 10 <= len({c.key for c in got}) == len(got) < 100
    assert all(c.text is not None for c in got)
    assert "no vLLM server answers (" in capfd.readouterr().err
    server.up()  # for the fixture to take down


def test_one_of_two_servers_fails_and_the_other_does_its_work(server: FakeVllm) -> None:
    with FakeVllm("llama", version="0.31.0") as other:
        server.seconds = other.seconds = 0.005
        requests = _requests(400)
        with _engine(server, other, concurrency=32) as engine:
            assert engine.version == "0.32.0, 0.31.0"
            completions = engine.complete(requests[:200])
            got = list(completions)
            shares = server.answered.total(), other.answered.total()
            other.faults.extend([status(500)] * 10_000)
            got += list(engine.complete(requests[200:]))
        _assert_answered_once(requests, got)
        assert sum(shares) == 200 and min(shares) > 50
        failed = other.asked.total() - other.answered.total()
        assert 0 < failed < 200  # put aside, tried again now and then


def test_closing_ends_those_who_wait(server: FakeVllm) -> None:
    server.seconds = 0.2
    with ThreadPoolExecutor(1) as bucket:
        with _engine(server) as engine:
            waiting = bucket.submit(lambda: list(engine.complete(_requests())))
            deadline = time.monotonic() + 10
            while not server.asked:
                assert time.monotonic() < deadline
                time.sleep(0.005)
        with pytest.raises(PipelineError, match="the engine was closed"):
            waiting.result(10)


def test_a_picture_goes_with_the_chat(server: FakeVllm) -> None:
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "ab"}]
    requests = [Request(f"k{i}", messages, [1, 2], 5, 8, f"file:///{i}.png") for i in range(2)]
    with _engine(server) as engine:
        answers = {c.key: c.text for c in engine.complete(requests)}
    assert answers == {"k0": "about a b", "k1": "about a b"}
    for body, request in zip(sorted(server.bodies, key=lambda b: str(b["messages"])), requests, strict=True):
        text, image = body["messages"][1]["content"]
        assert text == {"type": "text", "text": "ab"}
        assert image == {"type": "image_url", "image_url": {"url": request.image_url}}
        assert body["messages"][0] == messages[0] and "prompt" not in body
    assert messages[1]["content"] == "ab"


def test_the_key_is_sent_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_KEY", "s3cret/key")
    requests = _requests(6)
    with FakeVllm("llama", key="s3cret/key") as server:
        server.refused = {tuple(requests[0].prompt_token_ids)}
        with _engine(server, api_key_env="LAB_KEY") as engine:
            completions = list(engine.complete(requests))
            assert "s3cret" not in repr(vars(engine))
            error = next(c.error for c in completions if c.error)
            assert "Bearer ***" in error and "s3cret" not in error
            server.key = "changed"
            with pytest.raises(PipelineError, match=r"rejects the API key \(HTTP 401: not with Bearer \*\*\*\)"):
                list(engine.complete(requests))
        with pytest.raises(PipelineError, match=r"refuses access \(HTTP 401\).*api_key_env"), _engine(server):
            pass
        monkeypatch.delenv("LAB_KEY")
        before = server.asked.total()
        with (
            pytest.raises(PipelineError, match="the environment variable LAB_KEY is not set"),
            _engine(server, api_key_env="LAB_KEY"),
        ):
            pass
        assert server.asked.total() == before


def test_servers_are_looked_at_before_they_are_used(server: FakeVllm) -> None:
    with (
        FakeVllm("mistral") as other,
        pytest.raises(PipelineError, match=rf"{other.url} serves mistral, not llama; .*--served-model-name llama"),
        _engine(server, other),
    ):
        pass
    settings = VllmEngine(urls=(server.url,))
    with (
        pytest.raises(PipelineError, match=r"--max-model-len 64, but generation\.max_model_len is 65"),
        VllmGeneration(MODEL, GREEDY, settings, 65, None),
    ):
        pass
    assert not server.bodies
