"""What generation asks of an engine."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, Self

from pipeline.prompts.template import Message


@dataclass(frozen=True, slots=True)
class Request:
    """One explanation to generate.

    Attributes:
        key: content address of the explanation; identifies the answer.
        messages: the rendered chat.
        prompt_token_ids: the chat under the model's chat template, generation prompt included; what is sent.
        seed: sampling seed of this row; without effect at temperature 0.
        max_tokens: longest answer; the manifest's, unless the row is redone with another budget.
        image_url: the picture a vision-language model is shown with the chat, as a file:// or data: URL.
    """

    key: str
    messages: list[Message]
    prompt_token_ids: list[int]
    seed: int
    max_tokens: int
    image_url: str | None = None

    @property
    def prompt_tokens(self) -> int:
        """Length of the prompt."""
        return len(self.prompt_token_ids)


@dataclass(frozen=True, slots=True)
class Completion:
    """What the engine made of a request: a text with its finish_reason, or an error.

    Token counts are the engine's own.
    """

    key: str
    text: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    error: str | None = None


class Engine(Protocol):
    """A context manager that generates while it is open. `name` and `version` go into the shards.

    `restarts`: how often what generates died and was brought back so far.
    """

    name: str
    version: str

    @property
    def restarts(self) -> int: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    def complete(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """Answer every request exactly once, in any order, as the answers become ready.

        A request that fails becomes a completion with an error.

        Raises:
            PipelineError: the engine itself is lost; finished answers have been yielded before.
        """
        ...
