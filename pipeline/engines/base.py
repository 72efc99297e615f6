"""The interface that every engine implements."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, Self

from pipeline.prompts.template import Message


@dataclass(frozen=True, slots=True)
class Request:
    """One explanation to generate.

    Attributes:
        key: content address of the explanation; the completion has the same key.
        messages: the rendered chat.
        prompt_token_ids: the chat tokenized with the model's chat template, including the generation prompt; this is
            the engine's input.
        seed: sampling seed of this row; has no effect at temperature 0.
        max_tokens: token budget for the answer, from the manifest; redo options may override it for a redone row.
        image_url: image for a vision-language model, as a file:// or data: URL; None if no image is sent.
    """

    key: str
    messages: list[Message]
    prompt_token_ids: list[int]
    seed: int
    max_tokens: int
    image_url: str | None = None

    @property
    def prompt_tokens(self) -> int:
        """Length of the prompt in tokens."""
        return len(self.prompt_token_ids)


@dataclass(frozen=True, slots=True)
class Completion:
    """The result of a request: a text with its finish_reason, or an error. Token counts come from the engine."""

    key: str
    text: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    error: str | None = None


class Engine(Protocol):
    """Generates explanations. An engine is a context manager and must be entered before use.

    Attributes:
        name, version: name and version of the engine, recorded in the shards.
        restarts: number of times the engine's server has died and been restarted.
    """

    name: str
    version: str

    @property
    def restarts(self) -> int: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    def complete(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """Yield exactly one completion for each request, as the requests finish.

        A failed request becomes a completion with an error.

        Raises:
            PipelineError: the engine itself has failed; all finished answers have already been yielded.
        """
