"""Starts the web server of `entityclip serve`."""

import logging
import os
import socket
import sys
from pathlib import Path
from types import FrameType

import uvicorn

from flows.browser.app import make_app
from flows.browser.contents import open_contents
from flows.browser.guard import is_loopback
from flows.browser.query_explainer import QueryExplainer
from flows.display.waiting import stop_waiting
from pipeline.errors import PipelineError
from pipeline.files.visible_text import visible
from pipeline.inspect.query_process import QueryProcess


class _Server(uvicorn.Server):
    """A server that does not re-raise Ctrl-C and SIGTERM after it has shut down.

    It prints `line` as soon as it answers requests and handles these signals.
    """

    def __init__(self, config: uvicorn.Config, line: str) -> None:
        super().__init__(config)
        self._line = line

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then print the line."""
        await super().startup(sockets)
        print(self._line, flush=True)
        stop_waiting()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Shut down gracefully on the first signal, and immediately on the second."""
        self.force_exit = self.should_exit
        self.should_exit = True


def serve(location: str, *, host: str, port: int, arms: list[str], explain: Path | None = None) -> None:
    """Serve the content at `location` until Ctrl-C or SIGTERM.

    Args:
        explain: manifest whose LLM may be asked for explanations of queries.

    Raises:
        PipelineError: there is nothing to serve, an arm is invalid, the address is not available, or the manifest
            cannot be read or sends images to the LLM.
    """
    explainer = None if explain is None else _explainer(explain)
    listener = _listen(host, port)  # first, to fail early: opening a million rows takes a while
    with listener:
        contents = open_contents(location, _named(arms))
        url = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}/"
        names = [look.name for look in contents.summary.looks]
        with QueryProcess(contents.summary.found, names) as queries:
            config = uvicorn.Config(
                make_app(contents, queries, host, explainer),
                log_level=logging.ERROR,
                access_log=False,
                server_header=False,
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=1,  # second
            )
            if not is_loopback(host):
                print(
                    f"warning: the site has no password; anyone who can reach {host} sees all rows and images, and can "
                    f"keep this machine {'and the LLM ' if explainer is not None else ''}busy",
                    file=sys.stderr,
                )
            line = f"{visible(location)}: {contents.summary.rows:,} rows at {url} (stop with Ctrl-C)"
            _Server(config, line).run(sockets=[listener])
    if explainer is not None and explainer.is_busy:  # its thread may be in native code, which an exit would abort
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _explainer(manifest: Path) -> QueryExplainer:
    from pipeline.manifest.manifest import load_manifest

    if load_manifest(manifest).generation.send_image:
        raise PipelineError(f"{manifest}: generation.send_image is set, so queries alone cannot be explained")
    return QueryExplainer(manifest)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise PipelineError(
            f"cannot listen on {visible(host)} port {port}: {error}; "
            "choose another port with --port (0 chooses a free port)"
        ) from error


def _named(arms: list[str]) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for arm in arms:
        name, equals, folder = arm.partition("=")
        if not (name and equals and folder) or name in named:
            raise PipelineError(f"--arm {visible(arm)} must have the form NAME=FOLDER, with a unique NAME")
        named[name] = Path(folder)
    return named
