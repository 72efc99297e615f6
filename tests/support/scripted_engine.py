"""An engine whose answers are known beforehand, for what a real one does only by accident."""

from collections.abc import Iterable, Iterator
from typing import Self

from pipeline.engines.base import Completion, Request
from pipeline.errors import PipelineError


class ScriptedEngine:
    """Answers every request with its own key, and is lost after `lost_after` answers."""

    name = "scripted"
    version = "1"
    restarts = 0

    def __init__(self, lost_after: int | None = None) -> None:
        self.asked: list[str] = []
        self._lost_after = lost_after

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def complete(self, requests: Iterable[Request]) -> Iterator[Completion]:
        for request in requests:
            if self._lost_after is not None and len(self.asked) == self._lost_after:
                raise PipelineError("the engine is lost")
            self.asked.append(request.key)
            yield Completion(request.key, f"about {request.key}", "stop", request.prompt_tokens, 2)
