"""A run in which most answers are errors stops, rather than spend its time on more of them."""

import threading
from collections import Counter

from pipeline.engines.protocol import Completion
from pipeline.errors import PipelineError

_AT_LEAST = 20  # answers, before a share of them says anything
_SHOWN = 3


class ErrorLimit:
    """Counts answers and errors; several buckets report at once."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._lock = threading.Lock()
        self._answers = 0
        self._errors: Counter[str] = Counter()

    def count(self, completion: Completion) -> None:
        """Count one answer.

        Raises:
            PipelineError: more than the share of at least 20 answers are errors; it names the commonest.
        """
        with self._lock:
            self._answers += 1
            if completion.error is not None:
                self._errors[completion.error] += 1
            errors = self._errors.total()
            if self._answers >= _AT_LEAST and errors > self._share * self._answers:
                commonest = "; ".join(f"{count} x {error}" for error, count in self._errors.most_common(_SHOWN))
                raise PipelineError(
                    f"stopped: {errors} of {self._answers} answers are errors (generation.max_error_share is "
                    f"{self._share}): {commonest}. What was answered is kept; a re-run goes on from there"
                )
