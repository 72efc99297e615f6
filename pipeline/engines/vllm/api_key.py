"""The API key that servers may require, and how to show what servers say without it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import quote

from entityclip.contract.locations import without_secrets
from pipeline.errors import PipelineError
from pipeline.files.visible_text import visible

_SHOWN = 500  # characters of what a server says


@dataclass(frozen=True)
class ApiKey:
    """An optional API key, hidden from the repr."""

    _text: str | None = field(repr=False)

    @classmethod
    def named(cls, variable: str | None, environment: Mapping[str, str]) -> Self:
        """Read the key from an environment variable; if `variable` is None, there is no key.

        Raises:
            PipelineError: the variable is not set, or contains characters not allowed in a header.
        """
        if variable is None:
            return cls(None)
        text = environment.get(variable, "").strip()
        if not text:
            raise PipelineError(
                f"generation.engine.api_key_env: the environment variable {variable} is not set; "
                "set it to the API key of the servers"
            )
        if not (text.isascii() and text.isprintable()):
            raise PipelineError(f"generation.engine.api_key_env: {variable} has characters not allowed in HTTP headers")
        return cls(text)

    @property
    def headers(self) -> dict[str, str]:
        """The HTTP headers to send with every request."""
        return {} if self._text is None else {"Authorization": f"Bearer {self._text}"}

    def hidden(self, text: str) -> str:
        """Return the text with the key masked, in case a server has echoed it."""
        if self._text is None:
            return text
        for form in (self._text, json.dumps(self._text)[1:-1], quote(self._text, safe=""), quote(self._text)):
            text = text.replace(form, "***")
        return text

    def shown(self, text: str) -> str:
        """Return what a server said as messages and records have it.

        Without the key and other secrets, on one line, with control characters escaped, and at most 500 characters.
        """
        plain = " ".join(without_secrets(self.hidden(text)).split())
        line = visible(plain[: 2 * _SHOWN])
        return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
