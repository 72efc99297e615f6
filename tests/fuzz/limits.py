"""What no case may do: take long, need much memory, or raise an error that is not the project's."""

import faulthandler
import random
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

from model.errors import ModelError
from pipeline.errors import PipelineError
from tests.support.peak_memory import forget_peak, peak_mib

SECONDS = 20
CPU_SECONDS = 25  # five times what an input of 1 MB may take
Case = Callable[[random.Random], str]


class TooSlow(BaseException):
    """No `Exception`, so that nothing takes it for damage."""


def _too_slow(_signal: int, _frame: FrameType | None) -> None:
    raise TooSlow


def run_cases(
    kinds: dict[str, Case], cases: int, seed: int, only: int | None = None, *, until_a_fault: bool = False
) -> dict[str, Any]:
    """Run cases of these kinds in turn; return their outcomes by kind, and every fault with its number."""
    faults: list[dict[str, Any]] = []
    outcomes: dict[str, Counter[str]] = {kind: Counter() for kind in kinds}
    errors = sys.__stderr__  # the other one may be redirected
    assert errors is not None
    faulthandler.enable(errors)
    signal.signal(signal.SIGALRM, _too_slow)
    began, before = time.monotonic(), forget_peak()
    used = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    for number in range(cases) if only is None else [only]:
        if faults and until_a_fault:
            break
        kind = list(kinds)[number % len(kinds)]
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        faulthandler.dump_traceback_later(3 * SECONDS, exit=True, file=errors)  # for what no signal reaches
        try:
            outcome = kinds[kind](random.Random(f"{seed} {number}"))
        except (PipelineError, ModelError) as error:
            outcome = "explained"
            if not 20 < len(str(error)) < 20_000:
                faults.append({"number": number, "kind": kind, "what": f"a message that helps nobody: {error}"})
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            outcome = "FAULT"
            where = [
                f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
                for frame in traceback.extract_tb(error.__traceback__)
            ]
            what = f"{type(error).__name__}: {str(error)[:300]}"
            faults.append({"number": number, "kind": kind, "what": what, "where": where[-5:]})
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            faulthandler.cancel_dump_traceback_later()
        outcomes[kind][outcome] += 1
    return {
        "cases": sum(found.total() for found in outcomes.values()),
        "seconds": round(time.monotonic() - began, 1),
        "cpu_seconds": round(resource.getrusage(resource.RUSAGE_SELF).ru_utime - used, 1),
        "mib": round(peak_mib() - before),
        "outcomes": {kind: dict(found) for kind, found in outcomes.items()},
        "faults": faults,
    }
