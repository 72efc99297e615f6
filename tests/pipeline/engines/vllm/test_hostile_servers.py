"""Hostile servers, by the thousand, through the real client over real sockets: see tests/fuzz/run_servers.py."""

import json
import math
import os
import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from pipeline.engines.vllm import answers, client, exchange, served_model
from pipeline.engines.vllm.api_key import ApiKey
from pipeline.engines.vllm.endpoints import Backoff
from tests.fuzz import run_servers
from tests.fuzz.answers import SECRETS

ROOT = Path(__file__).parents[4]
MOST_MIB = 300


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUZZ_KEY", SECRETS[0])
    monkeypatch.setattr(served_model, "_SECONDS", run_servers.REQUEST_TIMEOUT)


@pytest.mark.usefixtures("quick")
def test_some_hostile_servers() -> None:
    servers = run_servers.Servers(seed=1)
    servers.run(run_servers.cases_of(75, seed=1))
    servers.run_openings(20)
    assert servers.faults == []
    assert sum(found["error"] for found in servers.outcomes.values()) > 10
    assert sum(found["the right text"] for found in servers.outcomes.values()) > 30


@pytest.mark.slow
def test_thousands_of_cases_of_hostile_servers() -> None:
    """In a process of its own, so that its memory is its own."""
    command = [sys.executable, "-m", "tests.fuzz.run_servers", "--cases", "3400", "--openings", "360"]
    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True)
    assert done.stdout, f"ended with {done.returncode}: {done.stderr[-3000:]}"
    found: dict[str, Any] = json.loads(done.stdout)
    print(
        f"{found['cases']:,} cases of hostile servers, {found['mib']} MiB:\n{json.dumps(found['outcomes'], indent=1)}"
    )
    assert found["faults"] == []
    assert found["cases"] == 3_760
    assert found["mib"] < MOST_MIB
    assert set(found["outcomes"]) == {*run_servers.KINDS, run_servers.OPENING}


async def _whole(response: httpx.Response, most: int) -> tuple[bytes, bool]:
    return await response.aread(), True


def _any_json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise answers.MalformedAnswerError from error


# What was wrong before, as it can be put back: the kind of case that finds it, and what the fuzz says of it.
OLD_FAULTS: dict[str, tuple[str, int, str, Any]] = {
    "answers of any type go into spool and shard": (
        "an answer's field",
        60,
        "cannot be stored",
        lambda patch: patch.setattr(answers, "storable", lambda completion: completion),
    ),
    "half a surrogate pair too": (
        "a choice's field",
        80,
        "cannot be stored",
        lambda patch: patch.setattr(answers, "storable", lambda completion: completion),
    ),
    "the timeout is for each read": (
        "trickle",
        1,
        "no end after",
        lambda patch: (
            patch.setattr(exchange, "asyncio", SimpleNamespace(timeout=lambda _: nullcontext())),
            patch.setattr(client, "TIMEOUT", httpx.Timeout(run_servers.REQUEST_TIMEOUT)),
        ),
    ),
    "a body is decompressed whole": (
        "gzip bomb",
        1,
        "needed .* MiB",
        lambda patch: (
            patch.setattr(exchange, "_read", _whole),
            patch.setattr(run_servers, "REQUEST_TIMEOUT", 10.0),  # so that it is not what ends it
        ),
    ),
    "what a server says is shown as it is": (
        "status",
        20,
        "secret|control characters",
        lambda patch: patch.setattr(ApiKey, "shown", lambda self, text: text[:500]),
    ),
    "JSON is taken for an object": (
        "damaged JSON",
        60,
        "(Attribute|Recursion|Type)Error",
        lambda patch: patch.setattr(answers, "_json_object", _any_json),
    ),
    "a day of Retry-After is waited for": ("overload", 25, "no end after", lambda patch: None),
}


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", OLD_FAULTS)
def test_the_fuzz_finds_what_was_wrong_before(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, count, found, put_back = OLD_FAULTS[name]
    cases = run_servers.cases_of(count, seed=2, only=(kind,))
    sound = run_servers.Servers(seed=2)
    sound.run(cases)
    assert sound.faults == []
    put_back(monkeypatch)
    longest = math.inf if "Retry-After" in name else run_servers.QUICK.longest_pause
    backoff = Backoff(run_servers.QUICK.first_seconds, run_servers.QUICK.cap_seconds, longest)
    broken = run_servers.Servers(seed=2, backoff=backoff, seconds=10.0, stop_at_first=True)
    broken.run(cases)
    assert any(re.search(found, fault["what"]) for fault in broken.faults), broken.faults
