"""Checks vLLM servers that are already running, before anything is sent to them."""

import json
from collections.abc import Iterator
from typing import Any

import httpx

from pipeline.engines.vllm.api_key import ApiKey
from pipeline.engines.vllm.exchange import Answer, NoAnswerError, exchange
from pipeline.errors import PipelineError

_SECONDS = 10.0
_MOST_BYTES = 4 * 2**20  # of a list of models
_NAMED = 5  # models that a message names


async def versions_served(
    client: httpx.AsyncClient, urls: list[str], model: str, max_model_len: int, key: ApiKey
) -> str:
    """Return the distinct vLLM versions of the servers, comma-separated.

    Raises:
        PipelineError: a server cannot be reached, or does not serve the model with at least this context length.
    """
    versions = [await _Server(client, url, key).version_with(model, max_model_len) for url in urls]
    return ", ".join(dict.fromkeys(versions))


class _Server:
    def __init__(self, client: httpx.AsyncClient, url: str, key: ApiKey) -> None:
        self._client = client
        self._url = url
        self._key = key

    async def version_with(self, model: str, max_model_len: int) -> str:
        """Return the server's version, or `unknown`, after checking that it serves the model."""
        lengths = await self._lengths()
        if model not in lengths:
            names = ", ".join(self._key.shown(name) for name in list(lengths)[:_NAMED]) or "no model"
            more = f" and {len(lengths) - _NAMED:,} more" if len(lengths) > _NAMED else ""
            raise self._error(f"serves {names}{more}, not {model}; start it with --served-model-name {model}")
        length = lengths[model]
        if length is not None and length < max_model_len:
            raise self._error(
                f"was started with --max-model-len {length}, but generation.max_model_len is {max_model_len}; "
                "make them equal"
            )
        try:
            version = _json(await self._get(f"{self._url.removesuffix('/v1')}/version"))["version"]
        except (NoAnswerError, ValueError, KeyError, TypeError):  # other servers have no such page
            return "unknown"
        return self._key.shown(str(version)[:200]) if isinstance(version, str | float) else "unknown"

    async def _lengths(self) -> dict[str, int | None]:
        """Return the context length of each model that is served; None where the server does not say."""
        try:
            answer = await self._get(f"{self._url}/models")
            if answer.status in (401, 403):
                raise self._error(
                    f"refuses access (HTTP {answer.status}); set generation.engine.api_key_env to the name of the "
                    "environment variable that holds the server's API key"
                )
        except NoAnswerError as error:
            why = self._key.shown(str(error))
            raise PipelineError(f"generation.engine.urls: no vLLM server answers at {self._url}: {why}") from None
        try:
            return _models_in(answer)
        except ValueError as error:
            why = self._key.shown(f"{self._url}/models {error}")
        if answer.status >= 500:
            raise PipelineError(f"generation.engine.urls: no vLLM server answers at {self._url}: {why}")
        raise self._error(f"has no OpenAI-compatible API ({why}){await self._where_it_is()}")

    async def _where_it_is(self) -> str:
        """Return what to write instead of a URL that has no list of models."""
        for other in _other_bases(self._url):
            try:
                models = _models_in(await self._get(f"{other}/models"))
            except (NoAnswerError, ValueError):
                continue
            if models:
                return f", but {other} has one; write that instead"
        return "; write the base URL, which usually ends in /v1, such as http://gpu1:8000/v1"

    async def _get(self, url: str) -> Answer:
        return await exchange(self._client, "GET", url, seconds=_SECONDS, most=_MOST_BYTES)

    def _error(self, what: str) -> PipelineError:
        return PipelineError(f"generation.engine.urls: {self._url} {what}")


def _other_bases(url: str) -> Iterator[str]:
    """Yield the base URLs that may be meant: with /v1, or without what follows a /v1."""
    yield f"{url}/v1"
    base, found, _ = url.partition("/v1/")
    if found:
        yield f"{base}/v1"


def _json(answer: Answer) -> Any:
    """Return the answer's JSON; ValueError if it is none."""
    try:
        return json.loads(answer.content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"gives no JSON: {type(error).__name__}: {error}") from None


def _models_in(answer: Answer) -> dict[str, int | None]:
    """Return the context lengths in a list of models; ValueError if it is none."""
    if not answer.is_success:
        raise ValueError(f"gives HTTP {answer.status}: {answer.content[:2000].decode('utf-8', 'replace')}")
    content = _json(answer)
    models = content.get("data") if isinstance(content, dict) else None
    if not isinstance(models, list):
        raise ValueError("gives no list of models")
    found: dict[str, int | None] = {}
    for model in models:
        name, length = (model.get("id"), model.get("max_model_len")) if isinstance(model, dict) else (None, None)
        if not isinstance(name, str) or not (length is None or type(length) is int):
            raise ValueError("gives a list with a model that has no name, or whose max_model_len is no number")
        found[name] = length
    return found
