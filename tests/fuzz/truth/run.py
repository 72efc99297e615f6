"""Runs the cases of every kind, each of which follows from its seed and number alone."""

import random
import time
from collections import Counter
from pathlib import Path
from typing import Any, Protocol

from tests.fuzz.truth.answers import Answers
from tests.fuzz.truth.images import Images
from tests.fuzz.truth.prompts import PromptTexts
from tests.fuzz.truth.readers import Readers

SHARES = {"readers": 45, "prompts": 20, "answers": 25, "images": 10}  # of 100 cases


class Kind(Protocol):
    """A kind of cases."""

    def case(self, rng: random.Random) -> str:
        """Run one case and return what became of it; raise an exception if something is lost or wrong."""


_KINDS: dict[str, Any] = {"readers": Readers, "prompts": PromptTexts, "answers": Answers, "images": Images}


def run(
    folder: Path, cases: int, seed: int, kind: str | None = None, only: int | None = None, *, stop_at: int | None = None
) -> dict[str, Any]:
    """Run the cases; what became of them by kind, the seconds, and every fault with the command that repeats it.

    Args:
        kind: run cases of this kind only; otherwise they are shared out by `SHARES`.
        only: the number of the single case to run.
        stop_at: end after so many faults.
    """
    outcomes: dict[str, Counter[str]] = {}
    seconds: dict[str, float] = {}
    faults: list[dict[str, Any]] = []
    for name, share in {kind: 100}.items() if kind else SHARES.items():
        began = time.process_time()
        place = folder / name
        place.mkdir(parents=True)
        made: Kind = _KINDS[name](place)
        counts = outcomes[name] = Counter()
        for number in range(cases * share // 100) if only is None else (only,):
            try:
                counts[made.case(random.Random(f"{seed} {name} {number}"))] += 1
            except Exception as error:  # whatever it is, it is a fault
                counts["FAULT"] += 1
                again = f"python -m tests.fuzz.truth --seed {seed} --kind {name} --case {number}"
                faults.append({"again": again, "number": number, "what": f"{type(error).__name__}: {error}"[:3000]})
                if only is not None:
                    raise
                if stop_at is not None and len(faults) >= stop_at:
                    break
        seconds[name] = round(time.process_time() - began, 1)
    total = sum(sum(counts.values()) for counts in outcomes.values())
    return {
        "cases": total,
        "seconds": seconds,
        "outcomes": {k: dict(sorted(v.items())) for k, v in outcomes.items()},
        "faults": faults,
    }
