"""What stands before every page: only who is meant to ask gets an answer, and no answer may do more than be seen.

A site that listens on loopback is still reached by every page that the person's browser shows: by addresses in it
(Sec-Fetch-Site tells), and by a name that its owner points at 127.0.0.1 (the Host header tells).
"""

import ipaddress
import socket
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LONGEST_ADDRESS = 16_000  # characters of path and query

_HEADERS = {
    "content-security-policy": "default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach a server on this host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """Wraps an application."""

    def __init__(self, app: ASGIApp, host: str) -> None:
        """`host` is what the server listens on."""
        self._app = app
        self._host = host
        self._names = {"localhost", host.lower()} if is_loopback(host) else {host.lower(), socket.gethostname().lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        await (self._app if refusal is None else refusal)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        if scope["method"] != "GET":
            return PlainTextResponse("this site is only read: GET", 405, {"allow": "GET"})
        if not self._is_this_site(headers.get("host", "")):
            return PlainTextResponse("this site does not go by that name; use the address that `serve` printed", 421)
        links_here = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        if headers.get("sec-fetch-site") == "cross-site" and not links_here:
            return PlainTextResponse("other sites may link to this one, and no more", 403)
        if len(scope["path"]) + len(scope["query_string"]) > LONGEST_ADDRESS:
            return PlainTextResponse("the address is too long", 414)
        return None

    def _is_this_site(self, asked: str) -> bool:
        try:
            name = urlsplit(f"//{asked}").hostname or ""
        except ValueError:
            return False
        if name.lower() in self._names:
            return True
        try:  # an address is no name that could be pointed here; the port may be another: a tunnel's
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not is_loopback(self._host)
