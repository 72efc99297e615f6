from dataclasses import replace

from pipeline.engines.base import Request
from pipeline.engines.vllm.requests import body_of
from pipeline.manifest.generation import Sampling

REQUESTS = [Request(str(i), [{"role": "user", "content": "x"}], [1, 2], i, 8) for i in range(2)]


def test_sampling_is_asked_for_as_the_manifest_says() -> None:
    _, body = body_of(REQUESTS[:1], "m", Sampling(temperature=0.5, top_p=0.9, stop=("\n\n", "END")))
    assert {name: body[name] for name in ("temperature", "top_p", "max_tokens", "seed", "stop")} == {
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 8,
        "seed": 0,
        "stop": ["\n\n", "END"],
    }
    assert "stop" not in body_of(REQUESTS, "m", Sampling())[1]


def test_arguments_of_the_chat_template_go_with_chats_which_the_server_renders() -> None:
    chat = replace(REQUESTS[0], image_url="file:///a.png")
    assert body_of([chat], "m", Sampling(), {"enable_thinking": False})[1]["chat_template_kwargs"] == {
        "enable_thinking": False
    }
    for body in (
        body_of([chat], "m", Sampling())[1],
        body_of(REQUESTS, "m", Sampling(), {"enable_thinking": False})[1],
    ):
        assert "chat_template_kwargs" not in body
