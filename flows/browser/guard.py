"""Checks every request, and adds security headers to every response.

Any page in the user's browser can send requests even to a site on loopback: through links and embedded resources
(detected by the Sec-Fetch-Site header), and through DNS rebinding, where a foreign name resolves to 127.0.0.1
(detected by the Host header).
"""

import ipaddress
import socket
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LONGEST_URL = 16_000  # characters of path and query

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
    """Return True if a server on this address can only be reached from this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """ASGI middleware that refuses requests from other sites and adds security headers."""

    def __init__(self, app: ASGIApp, host: str) -> None:
        """Wrap `app`; `host` is the address that the server listens on."""
        self._app = app
        self._host = host
        self._names = {"localhost", host.lower()} if is_loopback(host) else {host.lower(), socket.gethostname().lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
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
            return PlainTextResponse("this site is read-only; use GET", 405, {"allow": "GET"})
        if not self._is_this_site(headers.get("host", "")):
            return PlainTextResponse("unknown host name; use the address that `serve` printed", 421)
        is_link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        if headers.get("sec-fetch-site") == "cross-site" and not is_link:
            return PlainTextResponse("other sites may only link to this one", 403)
        if len(scope["path"]) + len(scope["query_string"]) > LONGEST_URL:
            return PlainTextResponse("the address is too long", 414)
        return None

    def _is_this_site(self, asked: str) -> bool:
        try:
            name = urlsplit(f"//{asked}").hostname or ""
        except ValueError:
            return False
        if name.lower() in self._names:
            return True
        try:  # IP addresses cannot be rebound; the port may differ, for example behind a tunnel
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not is_loopback(self._host)
