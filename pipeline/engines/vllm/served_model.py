"""Checks vLLM servers that are already running, and holds the API key that they may require."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import httpx

from pipeline.errors import PipelineError


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
        return text.replace(self._text, "***").replace(json.dumps(self._text)[1:-1], "***")


def versions_served(urls: list[str], model: str, max_model_len: int, key: ApiKey) -> str:
    """Return the distinct vLLM versions of the servers, comma-separated.

    Raises:
        PipelineError: a server cannot be reached, or does not serve the model with at least this context length.
    """
    with httpx.Client(timeout=10.0, headers=key.headers) as client:
        versions = [_version_served(client, url, model, max_model_len, key) for url in urls]
    return ", ".join(dict.fromkeys(versions))


def _version_served(client: httpx.Client, url: str, model: str, max_model_len: int, key: ApiKey) -> str:
    try:
        served = client.get(f"{url}/models")
        if served.status_code in (401, 403):
            raise PipelineError(
                f"generation.engine.urls: {url} refuses access (HTTP {served.status_code}); set "
                "generation.engine.api_key_env to the name of the environment variable that holds the server's API key"
            )
        lengths = {entry["id"]: entry.get("max_model_len") for entry in served.raise_for_status().json()["data"]}
        version = client.get(f"{url.removesuffix('/v1')}/version")
        reported = str(version.json()["version"]) if version.is_success else "unknown"
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, PipelineError):
            raise
        raise PipelineError(
            key.hidden(f"generation.engine.urls: no vLLM server answers at {url}: {type(error).__name__}: {error}")
        ) from None
    if model not in lengths:
        raise PipelineError(
            key.hidden(
                f"generation.engine.urls: {url} serves {', '.join(map(str, lengths))}, not {model}; "
                f"start it with --served-model-name {model}"
            )
        )
    length = lengths[model]
    if length is not None and length < max_model_len:
        raise PipelineError(
            f"generation.engine.urls: {url} was started with --max-model-len {length}, but generation.max_model_len "
            f"is {max_model_len}; make them equal"
        )
    return key.hidden(reported)
