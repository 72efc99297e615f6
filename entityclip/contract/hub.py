"""Checks, before anything slow starts, whether a model of the Hugging Face hub is available."""

import os

_PREFIXES = ("hf-hub:", "hf://", "https://huggingface.co/", "http://huggingface.co/", "huggingface.co/")


def plain_hub_name(name: str) -> str:
    """Return a hub model's name as ORG/NAME, without the prefix that other programs or the browser put before it."""
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            return "/".join(name.removeprefix(prefix).strip("/").split("/")[:2])
    return name


def why_unavailable(repo: str, files: tuple[str, ...], revision: str | None = None) -> str | None:
    """Return None if any of the files is cached or the hub can be reached; otherwise return the reason and the remedy.

    Without this check, huggingface_hub would retry for almost a minute and print every attempt.
    """
    import httpx  # both imports take a fraction of a second
    from huggingface_hub import constants, try_to_load_from_cache

    if any(isinstance(try_to_load_from_cache(repo, file, revision=revision), str) for file in files):
        return None
    home = os.environ.get("HF_HOME", constants.HF_HOME)
    if constants.HF_HUB_OFFLINE:
        why = "HF_HUB_OFFLINE is set"
    else:
        try:
            httpx.head(constants.ENDPOINT, timeout=10.0)
            return None
        except httpx.HTTPError as error:
            why = f"{constants.ENDPOINT} cannot be reached: {error}"
    version = f" --revision {revision}" if revision else ""
    return (
        f"{repo} is not in the cache of Hugging Face models at {home}, and {why}. Download it on a machine with a "
        f"network (hf download {repo}{version}) and set HF_HOME to the cache that contains it, or name a local folder"
    )
