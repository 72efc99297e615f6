"""An engine that answers instantly, for measuring the rest of the pipeline."""

import random
from collections.abc import Iterable, Iterator
from typing import Self

from pipeline.engines.base import Completion, Request

_WORDS = "statesman in a dark suit at the lectern beside his flag under grey sky".split()
_TEXTS = [" ".join(random.Random(seed).choices(_WORDS, k=58)) for seed in range(1000)]


class InstantEngine:
    """Answers with about 60 words that depend only on the key and start with the name Angela."""

    name = "instant"
    version = "1"
    restarts = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def complete(self, requests: Iterable[Request]) -> Iterator[Completion]:
        for request in requests:
            text = f"Angela {_TEXTS[int(request.key, 16) % len(_TEXTS)]}."
            yield Completion(request.key, text, "stop", request.prompt_tokens, 61)
