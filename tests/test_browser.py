"""The browser of the tests notices what a page does."""

import http.server
import threading
from pathlib import Path

from playwright.sync_api import Browser

from tests.support.browser import visit, wait_until

_NOISY = """<!doctype html><title>noisy</title><link rel="icon" href="data:,">
<img src="http://203.0.113.1/pixel.png"><img src="http://tracker.example/pixel.png">
<script>
  alert("hello");
  new WebSocket("ws://tracker.example/socket");
  setTimeout(() => { document.title = "thrown"; throw new Error("nobody catches me"); });
</script>"""


def test_errors_dialogs_and_requests_are_seen(chromium: Browser, tmp_path: Path) -> None:
    path = tmp_path / "noisy.html"
    path.write_text(_NOISY, encoding="utf-8")
    with visit(chromium, path) as noisy:
        wait_until(noisy.page, "document.title === 'thrown'")
    assert noisy.dialogs == ["hello"]
    assert any("nobody catches me" in error for error in noisy.errors)
    assert set(noisy.refused) == {
        "http://203.0.113.1/pixel.png",
        "http://tracker.example/pixel.png",
        "ws://tracker.example/socket",
    }
    assert noisy.requests[0] == path.as_uri()


def test_a_page_of_this_machine_is_let_through(chromium: Browser) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), _Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with visit(chromium, f"http://127.0.0.1:{server.server_port}/", width=390) as quiet:
            assert quiet.page.inner_text("h1") == "here"
            assert quiet.page.evaluate("innerWidth") == 390
        server.shutdown()
    assert not quiet.errors and not quiet.refused and not quiet.dialogs


class _Quiet(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(b'<!doctype html><title>x</title><link rel="icon" href="data:,"><h1>here</h1>')

    def log_message(self, *_: object) -> None:
        pass
