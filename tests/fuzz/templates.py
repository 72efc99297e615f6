"""Renders random prompt templates over hostile values: `python -m tests.fuzz.templates --help`.

A case may end in a text or in a `PipelineError`, the same in every process. It may not end in another exception, in an
address, in a text of more than a million characters or a message that nobody reads, take longer than 20 s, or need much
memory. `differences` compares two processes.
"""

import argparse
import hashlib
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError
from pipeline.pair import Pair
from pipeline.prompts.budget import MAX_CHARACTERS
from pipeline.prompts.template import PromptTemplate
from tests.fuzz.mutations import VALUES, damaged
from tests.fuzz.template_texts import Writer
from tests.support.peak_memory import forget_peak, peak_mib

SECONDS = 20.0
MOST_MIB = 60  # above the start; 20 are usual
MEMORY = 500 * 2**20  # beyond which there is none
_ADDRESS = re.compile(r"(?: at|=) ?0x[0-9a-f]{6,}")
_CAPTIONS = [value for value in VALUES if isinstance(value, str)]
_CAPTIONS += [
    "Ann & <Bob> visit Ascot",
    "{{ caption }}{% for %}",
    "%s %(a)s {0.__class__}",
    "12",
    "-1.5e3",
    "ffff",
    "nan",
]
_LONG = [value for value in _CAPTIONS if len(value) > 2_000] + ["x" * 100_000, "Ann at Ascot " * 7_000]
_CAPTIONS = [value for value in _CAPTIONS if len(value) <= 2_000]
_CAPTIONS += ["a b\tc\nd\r\ne", "ſßİŉ" * 9, "\U0001f469\u200d\U0001f680" * 50]


class TooSlow(BaseException):
    """No `Exception`, as a template's exceptions become messages."""


def run(cases: int, seed: int, seconds: float = SECONDS, *, until_fault: bool = False) -> dict[str, Any]:
    """Render the cases, perhaps until the first fault; digests of what they gave, and everything that may not be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (_data() + MEMORY, hard))
    try:
        return _run(cases, seed, seconds, until_fault)
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _run(cases: int, seed: int, seconds: float, until_fault: bool) -> dict[str, Any]:
    signal.signal(signal.SIGALRM, _too_slow)
    began = time.monotonic()
    outcomes, faults, texts, most = [], [], 0, 0.0
    PromptTemplate(name="first-v1", user="{{ caption | upper }}").render(Pair("1", "train", "1.jpg", "a"))
    start = forget_peak()
    for number in range(cases):
        template, pair = case(number, seed)
        forget_peak()
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            prompt = PromptTemplate(name="fuzz-v1", user=template)
            outcome, fault = _outcome(prompt, pair)
            again = _outcome(prompt, pair)[0] if outcome.startswith("text") else outcome
        except TooSlow:
            outcome = again = "slow"
            fault = f"took more than {seconds} s"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        took = peak_mib() - start
        most = max(most, took)
        if took > MOST_MIB:
            fault = f"took {took:.0f} MiB"
        if again != outcome:
            fault = "gave something else the second time"
        if fault:
            faults.append({"number": number, "what": fault, "template": template[:500]})
            if until_fault:
                break
        texts += outcome.startswith("text")
        outcomes.append(hashlib.sha256(outcome.encode("utf-8", "surrogatepass")).hexdigest()[:12])
    return {
        "cases": number + 1,
        "texts": texts,
        "seconds": round(time.monotonic() - began, 1),
        "mib": round(most),
        "faults": faults,
        "outcomes": outcomes,
    }


def case(number: int, seed: int) -> tuple[str, Pair]:
    """The template and the pair of a case, which follow from seed and number alone."""
    rng = random.Random(f"{seed} {number}")
    template = Writer(rng).template()
    if rng.random() < 0.05:
        template = damaged(template.encode(), rng).decode("utf-8", "replace") or "x"
    caption, row_id = rng.choice(_LONG if rng.random() < 0.03 else _CAPTIONS), rng.choice(_CAPTIONS)[:50] or "1"
    return template, Pair(row_id, "train", "1.jpg", caption, rng.choice([None, "", "sport", *_CAPTIONS[-9:]]))


def differences(cases: int, seed: int, fault: str | None = None) -> tuple[list[int], dict[str, Any]]:
    """Run the cases in two processes that order hashes differently; the cases that differ, and the first's result."""
    found = []
    for order in ("1", "4242"):
        command = [sys.executable, "-m", "tests.fuzz.templates", "--cases", str(cases), "--seed", str(seed)]
        command += ["--fault", fault] if fault else []
        ended = subprocess.run(
            command,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": order},
            capture_output=True,
            text=True,
        )
        assert ended.stdout, f"ended with {ended.returncode}: {ended.stderr[-3000:]}"
        found.append(json.loads(ended.stdout))
    one, other = (result["outcomes"] for result in found)
    return [number for number in range(cases) if one[number] != other[number]], found[0]


def _outcome(prompt: PromptTemplate, pair: Pair) -> tuple[str, str | None]:
    """Return the text or message of a case, and what is wrong with it."""
    try:
        (message,) = prompt.render(pair)
    except PipelineError as error:
        text = str(error)
        long = len(text) > 500 + len(repr(pair.id)) or not text.isprintable()
        wrong = "a message that nobody reads" if long else "memory ran out" if "MemoryError" in text else None
        return f"refused {text}", wrong or _address(text)
    except Exception as error:
        return f"raised {type(error).__name__}", f"{type(error).__name__}: {str(error)[:300]}"
    text = message["content"]
    if len(text) > MAX_CHARACTERS:
        return f"text {text}", f"a text of {len(text):,} characters"
    return f"text {text}", _address(text)


def _address(text: str) -> str | None:
    return f"an address: {found[0]}" if (found := _ADDRESS.search(text)) else None


def _data() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5]) * resource.getpagesize()


def _too_slow(_signal: int, _frame: object) -> None:
    raise TooSlow


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Render random prompt templates over hostile values.")
    parser.add_argument("--cases", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fault", help="put back a fault of tests/fuzz/template_faults.py first")
    options = parser.parse_args()
    if options.fault:
        from tests.fuzz.template_faults import FAULTS

        FAULTS[options.fault](setattr)
    result = run(options.cases, options.seed)
    print(json.dumps(result))
    sys.exit(bool(result["faults"]))
