"""The key that servers ask for: read from the environment, sent in a header, and never shown."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from pipeline.errors import PipelineError


@dataclass(frozen=True)
class ApiKey:
    """A key, or none; its text is in no repr."""

    _text: str | None = field(repr=False)

    @classmethod
    def named(cls, variable: str | None, environment: Mapping[str, str]) -> Self:
        """The key in a variable of the environment; no key where no variable is named.

        Raises:
            PipelineError: the variable is not set, or holds what no header can carry.
        """
        if variable is None:
            return cls(None)
        text = environment.get(variable, "").strip()
        if not text:
            raise PipelineError(
                f"generation.engine.api_key_env: the environment variable {variable} is not set; "
                "set it to the servers' API key"
            )
        if not (text.isascii() and text.isprintable()):
            raise PipelineError(f"generation.engine.api_key_env: {variable} holds characters that no HTTP header can")
        return cls(text)

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {} if self._text is None else {"Authorization": f"Bearer {self._text}"}

    def hidden(self, text: str) -> str:
        """The text without the key, should a server have repeated it."""
        if self._text is None:
            return text
        return text.replace(self._text, "***").replace(json.dumps(self._text)[1:-1], "***")
