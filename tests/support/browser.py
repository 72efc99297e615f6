"""Pages in a real, headless Chromium, and what they did that they should not have.

Chromium is a process of its own, for all tests; Playwright connects to it. While it does, its event loop is in this
thread, and no other can run there (`asyncio.run`, a flow of Prefect's): let a connection live no longer than a module,
and run such things in a thread or process of their own.
"""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Dialog, Page, Route, WebSocketRoute, sync_playwright

_COMMANDS = ("chromium", "chromium-browser", "google-chrome")  # as in the Makefile
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_STARTS_WITHIN = 120.0  # seconds
_ARGUMENTS = (
    "--headless",
    "--no-sandbox",  # containers run tests as root, which Chromium's sandbox refuses
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",  # containers have little
    "--hide-scrollbars",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # no name is looked up, whatever asks for it: the page, or Chromium itself
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE [::1]",
)


@dataclass
class Visit:
    """A page that is open, and what it did.

    Attributes:
        errors: what the console says as an error, and exceptions that nobody caught.
        requests: addresses that it asked for, its own among them; no `data:`.
        refused: those of them that are neither files nor on this machine; they got no answer.
        dialogs: what `alert` and the like said; they were closed.
    """

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


@contextmanager
def headless_chromium(profile: Path) -> Iterator[str]:
    """The machine's own Chromium, with its profile in an empty folder; nothing is downloaded. Gives its address.

    Raises RuntimeError if there is none, or if it does not start.
    """
    command = next((found for name in _COMMANDS if (found := shutil.which(name))), None)
    if command is None:
        raise RuntimeError(f"no {', '.join(_COMMANDS)} on the PATH; install one: apt-get install chromium")
    log = profile / "chromium.log"
    given = [*_ARGUMENTS, "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"]
    with log.open("wb") as said:
        process = subprocess.Popen([command, *given], stdout=said, stderr=said)
    try:
        yield _address(process, log)
    finally:
        process.terminate()
        process.wait(timeout=60)


@contextmanager
def connected(address: str) -> Iterator[Browser]:
    """The Chromium at an address, for this thread; what was opened is closed at the end, the browser stays."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.connect_over_cdp(address)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visit(
    browser: Browser,
    target: Path | str,
    *,
    width: int = 1280,
    height: int = 900,
    scheme: Literal["light", "dark"] = "light",
    **options: Any,
) -> Iterator[Visit]:
    """Open a file, or an address on this machine, in a window of so many pixels; `options` are of `new_context`."""
    size: Any = {"width": width, "height": height}
    context = browser.new_context(viewport=size, color_scheme=scheme, service_workers="block", **options)
    try:
        found = Visit(context.new_page())
        context.route("**/*", lambda route: _answer(route, found))
        context.route_web_socket("**/*", lambda socket: _connect(socket, found))
        page = found.page
        page.on("console", lambda message: found.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: found.errors.append(str(error)))
        page.on("dialog", lambda dialog: _dismiss(dialog, found))
        page.goto(target.absolute().as_uri() if isinstance(target, Path) else target)
        yield found
    finally:
        context.close()


def wait_until(page: Page, expression: str) -> None:
    """Wait until a JavaScript expression is true; the deadline is that of the test.

    Playwright's `wait_for_function` evaluates it again in the page, where the page's own policy forbids `eval`: it
    fails whenever the first look is too early, so on slow machines only.
    """
    while not page.evaluate(expression):
        page.wait_for_timeout(50)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + _STARTS_WITHIN
    while process.poll() is None and time.monotonic() < end:
        if found := re.search(r"listening on (ws://\S+)\n", log.read_text(errors="replace")):
            return found[1]
        time.sleep(0.05)
    raise RuntimeError(f"Chromium did not start: {log.read_text(errors='replace')}")


def _is_here(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("file", "blob", "about") or parts.hostname in _LOOPBACK


def _answer(route: Route, found: Visit) -> None:
    found.requests.append(route.request.url)
    if _is_here(route.request.url):
        route.continue_()
    else:
        found.refused.append(route.request.url)
        route.abort()


def _connect(socket: WebSocketRoute, found: Visit) -> None:
    found.requests.append(socket.url)
    if _is_here(socket.url):
        socket.connect_to_server()
    else:
        found.refused.append(socket.url)
        socket.close()


def _dismiss(dialog: Dialog, found: Visit) -> None:
    found.dialogs.append(dialog.message)
    dialog.dismiss()
