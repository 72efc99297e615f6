"""Starts the temporary Prefect server that a command uses if PREFECT_API_URL is not set.

Prefect would start it silently in the first flow, and fail with a traceback if that took too long. Here it is started
beforehand, with messages, and the flows then use it.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from model.errors import ProcessError

BOUND = "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"  # `flows` sets it
_SOON = 0.7
_SECONDS_BETWEEN_LINES = 15.0
_MOST_STARTS = 5  # by itself, Prefect would go on trying other ports endlessly if they are taken
_PATIENCE = "on a cold machine this may take minutes"


def start_temporary_server() -> None:
    """Start Prefect's temporary server and wait until it answers, unless PREFECT_API_URL names a server.

    Call this after checking the user's input and before importing a flow, since importing Prefect takes seconds.

    Raises:
        ProcessError: the server did not start; the message suggests remedies.
    """
    if os.environ.get("PREFECT_API_URL"):
        return
    with announced_if_slow("starting Prefect"):
        from prefect.settings import PREFECT_API_URL, PREFECT_SERVER_ALLOW_EPHEMERAL_MODE
    if PREFECT_API_URL.value() or not PREFECT_SERVER_ALLOW_EPHEMERAL_MODE.value():  # a profile may also set these
        return
    _print(f"starting a temporary Prefect server, as PREFECT_API_URL is not set; {_PATIENCE}")
    with _repeated_message("still waiting for the temporary Prefect server"):
        from prefect.server.api.server import SubprocessASGIServer

        _start(SubprocessASGIServer())


def _start(server: Any) -> None:
    """Let Prefect start the server and wait for it, but fail as soon as it has exited or tried too many ports."""
    import httpx
    from prefect.settings import PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS

    bound = PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS.value()
    end = time.monotonic() + bound
    failures: list[Exception] = []
    started: set[int] = set()

    def start() -> None:
        try:
            try:
                server.start(bound)
            except httpx.TimeoutException:  # it listens, but did not answer within Prefect's fixed 5 s
                _await_answer(server)
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=start, name="temporary-server", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.1)
        process, code = server.server_process, None
        if process is not None:
            started.add(process.pid)
            code = process.poll()
        if code not in (None, 3) or len(started) > _MOST_STARTS:  # 3: its port was taken in the meantime
            raise _start_error(f"ended with exit code {3 if code is None else code}")
        if time.monotonic() > end:
            raise _start_error(f"did not answer within {bound} s")
    if failures:
        raise _start_error(f"cannot be used: {failures[0]}") from failures[0]


def _await_answer(server: Any) -> None:
    """Poll the server until it answers; the caller limits the time."""
    import httpx

    while True:
        try:
            if httpx.get(f"{server.api_url}/health", timeout=60.0).is_success:
                server.running = True
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)


def _start_error(why: str) -> ProcessError:
    return ProcessError(
        f"the temporary Prefect server {why}; its output, if any, is above. Try again, with {BOUND}=900 if the "
        "machine is slow, or use a permanent server: make up, then export PREFECT_API_URL=http://127.0.0.1:4200/api"
    )


@contextmanager
def announced_if_slow(what: str) -> Iterator[None]:
    """Print `what` if the block takes longer than a fraction of a second."""
    timer = threading.Timer(_SOON, _print, [f"{what}; {_PATIENCE}"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _repeated_message(line: str) -> Iterator[None]:
    """Print `line` with the elapsed time at regular intervals while the block runs."""
    began, over = time.monotonic(), threading.Event()

    def repeat() -> None:
        while not over.wait(_SECONDS_BETWEEN_LINES):
            _print(f"{line}: {time.monotonic() - began:.0f} s")

    threading.Thread(target=repeat, name="temporary-server-lines", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
