"""Finds out whether a Prefect server is configured, and whether it answers."""

import os
import re
from pathlib import Path

from pipeline.errors import PipelineError

_SETTING = "PREFECT_API_URL"
_REMEDY = "start one with `make up`, or unset PREFECT_API_URL to run without Prefect"


def is_server_configured() -> bool:
    """Return whether PREFECT_API_URL, a Prefect profile or a Prefect settings file specifies a server.

    Importing Prefect takes seconds, so it is imported only if a profile or settings file may specify a server.
    """
    if _SETTING in os.environ:
        return bool(os.environ[_SETTING])
    if "PREFECT_PROFILE" not in os.environ and not any(_contains(*settings) for settings in _settings_files()):
        return False
    from prefect.settings import Settings

    return bool(Settings().api.url)


def answering_server() -> str:
    """Return the URL of the configured server, without credentials.

    Raises:
        PipelineError: no server is configured, or it does not answer.
    """
    if not is_server_configured():
        raise PipelineError(f"no Prefect server is configured; set {_SETTING}, for example after `make up`")
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        failure = client.api_healthcheck()
        url = without_credentials(str(client.api_url).rstrip("/"))
        if failure is not None:
            why = without_credentials(str(failure)) or type(failure).__name__
            raise PipelineError(f"the Prefect server at {url} does not answer ({why}); {_REMEDY}")
        return url


def without_credentials(text: str) -> str:
    """Return a text with user names and passwords removed from the URLs in it."""
    return re.sub(r"://\S*@", "://", text)


def _settings_files() -> list[tuple[Path, str]]:
    """Return the files that Prefect reads settings from, each with a text that must occur in it to specify a server."""
    home = Path(os.environ.get("PREFECT_HOME", "~/.prefect"))
    profiles = Path(os.environ.get("PREFECT_PROFILES_PATH", home / "profiles.toml"))
    here = {".env": "prefect_", "prefect.toml": "", "pyproject.toml": "tool.prefect"}
    return [(profiles.expanduser(), "prefect_api_url"), *((Path(name), text) for name, text in here.items())]


def _contains(file: Path, text: str) -> bool:
    try:
        return text in file.read_text(encoding="utf-8", errors="replace").lower()
    except OSError:
        return False
