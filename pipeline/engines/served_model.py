"""A look at servers that run already, before anything is asked of them."""

import httpx

from pipeline.engines.api_key import ApiKey
from pipeline.errors import PipelineError

_SECONDS = 10.0


def versions_served(urls: list[str], model: str, max_model_len: int, key: ApiKey) -> str:
    """The vLLM versions that the servers report, each once.

    Raises:
        PipelineError: one cannot be reached, or does not serve the manifest's model at the manifest's length.
    """
    versions: dict[str, None] = {}
    with httpx.Client(timeout=_SECONDS, headers=key.headers) as client:
        for url in urls:
            versions[_version_served(client, url, model, max_model_len, key)] = None
    return ", ".join(versions)


def _version_served(client: httpx.Client, url: str, model: str, max_model_len: int, key: ApiKey) -> str:
    try:
        served = client.get(f"{url}/models")
        if served.status_code in (401, 403):
            raise PipelineError(
                f"generation.engine.urls: {url} refuses access (HTTP {served.status_code}); name the environment "
                "variable that holds its API key in generation.engine.api_key_env"
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
            f"generation.engine.urls: {url} was started with --max-model-len {length}, generation.max_model_len is "
            f"{max_model_len}; make them equal"
        )
    return key.hidden(reported)
