"""The server that Prefect starts for a command where no PREFECT_API_URL names one: waited for, with words.

Prefect would start it inside the first flow, silently, and end a wait that was too long in a traceback. Started here
before, it is the one that the flows then find.
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
_MOST_STARTS = 5  # Prefect tries another port where one is taken, without an end
_PATIENCE = "on a cold machine this may take minutes"


def start_temporary_server() -> None:
    """Start Prefect's temporary server and wait for it, unless there is one or PREFECT_API_URL names another.

    Call it once the user's mistakes are told, and before a flow is imported: importing Prefect takes seconds.

    Raises:
        ProcessError: it did not come; the message says what may help.
    """
    if os.environ.get("PREFECT_API_URL"):
        return
    with said_if_slow("starting Prefect"):
        from prefect.settings import PREFECT_API_URL, PREFECT_SERVER_ALLOW_EPHEMERAL_MODE
    if PREFECT_API_URL.value() or not PREFECT_SERVER_ALLOW_EPHEMERAL_MODE.value():  # a profile may say so, too
        return
    _say(f"starting a temporary Prefect server, as PREFECT_API_URL is not set; {_PATIENCE}")
    with _said_again_and_again("still waiting for the temporary Prefect server"):
        from prefect.server.api.server import SubprocessASGIServer

        _start(SubprocessASGIServer())


def _start(server: Any) -> None:
    """Have Prefect start and await it, and give up where Prefect would not, or not before its bound."""
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
            except httpx.TimeoutException:  # it listens, but Prefect does not wait more than 5 s for an answer
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
        if code not in (None, 3) or len(started) > _MOST_STARTS:  # 3: its port was taken meanwhile
            raise _not_there(f"ended with exit code {3 if code is None else code}")
        if time.monotonic() > end:
            raise _not_there(f"did not answer within {bound} s")
    if failures:
        raise _not_there(f"cannot be used: {failures[0]}") from failures[0]


def _await_answer(server: Any) -> None:
    """Ask until it answers; whoever called bounds it."""
    import httpx

    while True:
        try:
            if httpx.get(f"{server.api_url}/health", timeout=60.0).is_success:
                server.running = True
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)


def _not_there(why: str) -> ProcessError:
    return ProcessError(
        f"the temporary Prefect server {why}; what it said, if anything, is above. Try again, with {BOUND}=900 if the "
        "machine is slow; or have a server that stays, and name it: make up, then export PREFECT_API_URL="
        "http://127.0.0.1:4200/api"
    )


@contextmanager
def said_if_slow(what: str) -> Iterator[None]:
    """Say what is done meanwhile, once, if it takes most of a second."""
    timer = threading.Timer(_SOON, _say, [f"{what}; {_PATIENCE}"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _said_again_and_again(line: str) -> Iterator[None]:
    """With how long it has been."""
    began, over = time.monotonic(), threading.Event()

    def say() -> None:
        while not over.wait(_SECONDS_BETWEEN_LINES):
            _say(f"{line}: {time.monotonic() - began:.0f} s")

    threading.Thread(target=say, name="temporary-server-lines", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
