"""Feeds the client the answers of hostile servers: `python -m tests.fuzz.run_servers --help`.

Each case is a prompt, and what a server does when it is asked: some number of times something hostile, then the right
answer. A case may end in the right text, in an error with a reason, or in a `PipelineError` that stops the run. It may
not end in another exception, be answered twice or never, leave a completion that cannot be stored, show a secret or a
control character, take longer than the bound, or need more memory than the bound.
"""

import argparse
import contextlib
import functools
import io
import json
import os
import random
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pyarrow as pa

from pipeline.engines.base import Completion, Request
from pipeline.engines.vllm import served_model
from pipeline.engines.vllm.client import VllmGeneration
from pipeline.engines.vllm.endpoints import Backoff
from pipeline.errors import PipelineError
from pipeline.llm import LanguageModel
from pipeline.manifest.generation import Sampling, VllmEngine
from tests.fuzz import answers
from tests.fuzz.answers import SECRETS, Delivery
from tests.fuzz.hostile_server import HostileServer, plain, right_answer
from tests.support.peak_memory import forget_peak, peak_mib

SECONDS = 60.0  # for a group of cases, which takes about one
MIB = 150.0  # a group may need, beyond what the process had at its start
GROUP = 25
GROUPS_OF_AN_ENGINE = 8
REQUEST_TIMEOUT = 0.3
LONGEST_ERROR = 1_000
LONGEST_LINE = 3_000
QUICK = Backoff(first_seconds=0.0005, cap_seconds=0.004, longest_pause=0.01)
FOREVER = 10**9
HEARTBEATS = 10**8  # prompts from here on are answered rightly


class Kind(NamedTuple):
    """A kind of case.

    Attributes:
        weight: how many of the cases.
        level: what the function changes: one choice, the whole answer, or the response.
        lasting: share of its cases in which the server never gives the right answer.
        alone: the case has a run of its own, because it may stop it.
    """

    weight: int
    level: str
    make: Callable[..., Any]
    lasting: float = 0.5
    alone: bool = False


KINDS = {
    "right": Kind(15, "none", lambda *_: None),
    "a choice's field": Kind(30, "choice", answers.change_choice),
    "an answer's field": Kind(20, "answer", answers.change_answer),
    "damaged JSON": Kind(15, "response", answers.damaged_json, 0.3),
    "status": Kind(20, "response", answers.another_status, 0.3),
    "overload": Kind(6, "response", answers.overload, 0.05),
    "status for every row": Kind(4, "response", answers.stopping_status, 1.0, alone=True),
    "headers": Kind(12, "response", answers.odd_headers, 0.2),
    "encoding": Kind(12, "response", answers.encoded, 0.4),
    "gzip bomb": Kind(2, "response", answers.bombed),
    "broken off": Kind(8, "response", answers.broken_off, 0.3),
    "endless": Kind(2, "response", answers.endless, 0.0),
    "trickle": Kind(2, "response", answers.trickling, 0.0),
    "silence": Kind(1, "response", answers.silent, 0.0),
}
OPENING = "opening"
_DAMAGE = (answers.damaged_json, answers.broken_off, answers.encoded)  # of bytes: may leave another text in valid JSON


class Case(NamedTuple):
    """A prompt and what it is answered: `times` something of its kind, then the right answer."""

    number: int
    kind: str
    times: int


def cases_of(count: int, seed: int, only: tuple[str, ...] = ()) -> list[Case]:
    """The cases that follow from a seed."""
    rng = random.Random(seed)
    names = list(only or KINDS)
    weights = [KINDS[name].weight for name in names]
    cases = []
    for number in range(count):
        kind = rng.choices(names, weights)[0]
        lasting = rng.random() < KINDS[kind].lasting
        cases.append(Case(number, kind, FOREVER if lasting else rng.choice((1, 1, 2))))
    return cases


class Servers:
    """The fuzz; `run` and `run_openings` may be called once each.

    Attributes:
        outcomes: what became of the cases, by kind.
        faults: everything that may not be.
    """

    def __init__(
        self, seed: int, *, backoff: Backoff = QUICK, seconds: float = SECONDS, stop_at_first: bool = False
    ) -> None:
        self.outcomes: dict[str, Counter[str]] = {}
        self.faults: list[dict[str, Any]] = []
        self._seed = seed
        self._backoff = backoff
        self._seconds = seconds
        self._stop_at_first = stop_at_first
        self._asked: Counter[int] = Counter()
        self._opening: Delivery | None = None
        self._cases: dict[int, Case] = {}
        self._spoiled: set[int] = set()  # prompts that share a response whose bytes were damaged
        self._heartbeats = HEARTBEATS

    def run(self, cases: list[Case]) -> None:
        """Ask each case's prompt; the cases of a group at once."""
        self._cases = {case.number: case for case in cases}
        together = [case for case in cases if not KINDS[case.kind].alone]
        alone = [[case] for case in cases if KINDS[case.kind].alone]
        with HostileServer(self._answer) as server:
            self._groups(server.url, [together[i : i + GROUP] for i in range(0, len(together), GROUP)], 20.0)
            self._groups(server.url, alone, 1.0)

    def _groups(self, url: str, groups: list[list[Case]], wait_for_server: float) -> None:
        for first in range(0, len(groups), GROUPS_OF_AN_ENGINE):
            mode = (first // GROUPS_OF_AN_ENGINE) % 3
            if self._stop_at_first and self.faults:
                return
            try:
                with self._listening("closing the engine"), self._engine(url, mode, wait_for_server) as engine:
                    for group in groups[first : first + GROUPS_OF_AN_ENGINE]:
                        if not self._group(engine, group, with_image=mode == 2):
                            break
            except Exception as error:
                self._fault("engine", f"{type(error).__name__}: {error}")

    def run_openings(self, count: int) -> None:
        """Open an engine `count` times; what the server says of itself is hostile."""
        rng = random.Random(f"{self._seed} openings")
        makers = [kind for kind in KINDS.values() if kind.level == "response"]
        with HostileServer(self._answer) as server:
            for _ in range(count):
                listed: Any = {"data": [{"id": "llama", "max_model_len": 64}]}
                if rng.random() < 0.6:
                    listed["data"][0][rng.choice(["id", "max_model_len"])] = rng.choice(
                        answers.VALUES + answers.NUMBERS
                    )
                if rng.random() < 0.2:
                    listed = rng.choice(
                        [{"data": rng.choice(answers.VALUES)}, {"data": [None]}, [listed], {"error": 1}]
                    )
                kind = rng.choices(makers, [kind.weight for kind in makers])[0]
                body = json.dumps(listed).encode()
                odd = rng.random() < 0.5 and kind.make not in (answers.trickling, answers.silent)
                self._opening = kind.make(body, rng) if odd else plain(listed)
                self._open(server.url)
        self._opening = None

    def _open(self, url: str) -> None:
        before = time.monotonic()
        outcome = "opened"
        with self._listening(OPENING):
            try:
                with self._engine(url, 0) as engine:
                    version = engine.version
                    if not version.isprintable() or len(version) > LONGEST_ERROR:
                        self._fault(OPENING, f"a version that cannot be shown: {version[:100]!r}")
            except PipelineError as error:
                self._check_text(OPENING, str(error), LONGEST_LINE)
                outcome = "PipelineError"
            except Exception as error:
                outcome = self._fault(OPENING, f"{type(error).__name__}: {str(error)[:300]}")
        if time.monotonic() - before > self._seconds:
            outcome = self._fault(OPENING, f"took more than {self._seconds:g} s")
        self._count(OPENING, outcome)

    def _engine(self, url: str, mode: int, wait_for_server: float = 20.0) -> VllmGeneration:
        settings = VllmEngine(
            urls=(url,),
            api_key_env="FUZZ_KEY",
            prompts_per_request=4,
            concurrency=2 * GROUP,
            request_timeout=REQUEST_TIMEOUT,
            wait_for_server=wait_for_server,
        )
        sampling = Sampling(temperature=0.0 if mode == 0 else 0.7, max_tokens=8)
        return VllmGeneration(_MODEL, sampling, settings, 64, None, self._backoff)

    def _group(self, engine: VllmGeneration, group: list[Case], *, with_image: bool) -> bool:
        """Ask a group's prompts; False if the engine is of no use any more."""
        requests = [_request(case.number, with_image) for case in group]
        got: list[Completion] = []
        ended: list[BaseException | None] = []

        def ask() -> None:
            try:
                got.extend(engine.complete(requests))
                ended.append(None)
            except BaseException as error:
                ended.append(error)

        names = ", ".join(sorted({case.kind for case in group}))
        before = forget_peak()
        with self._listening(names), _heart(engine, self._next_heartbeat, with_image, beats=len(group) > 1):
            asking = threading.Thread(target=ask, daemon=True)
            asking.start()
            asking.join(self._seconds)
        if (mib := peak_mib() - before) > MIB:
            self._fault(names, f"needed {mib:.0f} MiB")
        if not ended:
            self._fault(names, f"no end after {self._seconds:g} s; {len(requests) - len(got)} prompts have no answer")
            return False
        self._check_end(ended[0], group, names)
        by_key = Counter(completion.key for completion in got)
        found = {completion.key: completion for completion in got}
        for case in group:
            completion = found.get(f"k{case.number}")
            if by_key[f"k{case.number}"] > 1:
                self._count(case.kind, self._fault(case.kind, "answered twice", case))
            elif completion is not None:
                self._count(case.kind, self._judge(case, completion))
            elif ended[0] is None:
                self._count(case.kind, self._fault(case.kind, "never answered", case))
            else:
                self._count(case.kind, "stopped")
        return True

    def _check_end(self, error: BaseException | None, group: list[Case], names: str) -> None:
        if error is None:
            return
        if not isinstance(error, PipelineError):
            self._fault(names, f"{type(error).__name__}: {str(error)[:300]}")
            return
        self._check_text(names, str(error), LONGEST_LINE)
        if len(group) > 1:
            self._fault(names, f"one of the prompts stopped the run: {str(error)[:300]}")

    def _judge(self, case: Case, completion: Completion) -> str:
        if completion.error is not None:
            self._check_text(case.kind, completion.error, LONGEST_ERROR, case)
            if completion.text is not None or case.kind == "right":
                return self._fault(case.kind, f"an error beside a text, or without a cause: {completion.error}", case)
            return "error"
        try:
            line = json.dumps([completion.text, completion.finish_reason]).encode()
            assert isinstance(completion.text, str) and len(line) < 4_000_000
            pa.array([completion.text], pa.string()).validate(full=True)
            pa.array([completion.prompt_tokens, completion.completion_tokens], pa.int32())
            assert completion.finish_reason in ("stop", "length")
            assert not set(completion.text) & set("\0\x1b\x07\x7f")
        except (AssertionError, ValueError, TypeError, OverflowError, pa.ArrowException) as error:
            return self._fault(case.kind, f"cannot be stored: {type(error).__name__}: {str(error)[:200]}", case)
        right = completion.text == f"about {case.number}"
        may_differ = KINDS[case.kind].level in ("choice", "answer") or case.number in self._spoiled
        if not (right or may_differ):
            return self._fault(case.kind, f"not the right text: {completion.text[:100]!r}", case)
        return "the right text" if right else "another text"

    def _check_text(self, kind: str, text: str, longest: int, case: Case | None = None) -> None:
        if any(secret in text for secret in SECRETS):
            self._fault(kind, f"shows a secret: {text[:300]!r}", case)
        if not text.replace("\n", "").isprintable():
            self._fault(kind, f"has control characters: {text[:300]!r}", case)
        if not text or len(text) > longest:
            self._fault(kind, f"a reason of {len(text):,} characters", case)

    @contextmanager
    def _listening(self, kind: str) -> Iterator[None]:
        """Check what is printed within this block."""
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            yield
        if text := said.getvalue():
            self._check_text(kind, text, 20 * LONGEST_LINE)

    def _answer(self, path: str, prompts: list[int]) -> Delivery:
        if not prompts:
            return self._opening or plain({"data": [{"id": "llama", "max_model_len": 64}], "version": "1"})
        answer = right_answer(path, prompts)
        send: Callable[[bytes, random.Random], Delivery] | None = None
        rng = random.Random()
        for index, prompt in enumerate(prompts):
            case = self._cases.get(prompt)
            if case is None:
                continue
            self._asked[prompt] += 1
            if self._asked[prompt] > case.times:
                continue
            rng = random.Random(f"{self._seed} {prompt} {self._asked[prompt] if case.times < FOREVER else 0}")
            kind = KINDS[case.kind]
            if kind.level == "choice" and index < len(answer.get("choices") or ()):
                kind.make(answer["choices"][index], rng)
            elif kind.level == "answer" and answer.get("choices"):
                kind.make(answer, rng)
            elif kind.level == "response":
                send = kind.make
        if send in _DAMAGE:
            self._spoiled.update(prompts)
        body = json.dumps(answer).encode()
        return plain(answer) if send is None else send(body, rng)

    def _next_heartbeat(self) -> int:
        self._heartbeats += 1
        return self._heartbeats

    def _count(self, kind: str, outcome: str) -> None:
        self.outcomes.setdefault(kind, Counter())[outcome] += 1

    def _fault(self, kind: str, what: str, case: Case | None = None) -> str:
        self.faults.append({"kind": kind, "what": what, "number": None if case is None else case.number})
        return "FAULT"


class _Model(LanguageModel):
    def tokenize(self, texts: list[str]) -> list[list[int]]:
        """One token a word."""
        return [[1] * len(text.split()) for text in texts]


_MODEL = _Model("llama", "1", "nowhere", is_local=True)


def _request(number: int, with_image: bool) -> Request:
    messages = [{"role": "user", "content": str(number)}]
    return Request(f"k{number}", messages, [7, number], number % 2**31, 8, "file:///x.png" if with_image else None)


@contextmanager
def _heart(engine: VllmGeneration, number: Callable[[], int], with_image: bool, *, beats: bool) -> Iterator[None]:
    """Meanwhile, others are answered: without them, a prompt that always fails is not known from a server that does."""
    ended = threading.Event()

    def beat() -> None:
        with contextlib.suppress(PipelineError):
            while not ended.is_set():
                list(engine.complete([_request(number(), with_image)]))
                ended.wait(0.03)

    thread = threading.Thread(target=beat, daemon=True)
    if beats:
        thread.start()
    try:
        yield
    finally:
        ended.set()


def fuzz(cases: int, openings: int, seed: int) -> dict[str, Any]:
    """Run cases and openings; what became of them, and everything that may not be."""
    os.environ["FUZZ_KEY"] = SECRETS[0]
    served_model._SECONDS = REQUEST_TIMEOUT
    # most of the time of an opening would go into reading certificates, which no server here has
    setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))  # noqa: B010
    answers.bomb()
    servers = Servers(seed)
    began, before = time.monotonic(), forget_peak()
    servers.run(cases_of(cases, seed))
    servers.run_openings(openings)
    return {
        "cases": sum(sum(found.values()) for found in servers.outcomes.values()),
        "seconds": round(time.monotonic() - began),
        "cpu_seconds": round(time.process_time()),
        "mib": round(peak_mib() - before),
        "outcomes": {kind: dict(found) for kind, found in sorted(servers.outcomes.items())},
        "faults": servers.faults,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Feed the client the answers of hostile servers.")
    parser.add_argument("--cases", type=int, default=3_000)
    parser.add_argument("--openings", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    result = fuzz(options.cases, options.openings, options.seed)
    print(json.dumps(result, indent=1))
    sys.exit(bool(result["faults"]))
