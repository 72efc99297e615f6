"""Prefect's temporary server is waited for in words, and where it does not come the end is a message."""

import ast
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from flows.orchestration import temporary_server
from flows.orchestration.temporary_server import start_temporary_server

FLOWS = Path(__file__).parents[3] / "flows"
# every Python reads it at its start; the server is the one that runs uvicorn
_SITE = """
import os, sys, time
from pathlib import Path
if "uvicorn" in sys.orig_argv:
    Path(os.environ["SERVER_PID"]).write_text(str(os.getpid()))
    time.sleep(float(os.environ["SERVER_DELAY"]))
    if "SERVER_DIES" in os.environ:
        os._exit(1)
"""
_PROGRAM = """
import sys
from flows.orchestration import temporary_server
temporary_server._SECONDS_BETWEEN_LINES = 1.0
from flows.cli.main import main
sys.argv = ["entityclip", "clear-stale-runs"]
main()
"""


def _run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command that needs a server, in a fresh home, with a server that is slow or dies."""
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(_SITE)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    ours = {
        "PREFECT_HOME": str(folder / "home"),
        "PYTHONPATH": str(folder / "site"),
        "SERVER_PID": str(folder / "pid"),
    }
    program = [sys.executable, "-c", _PROGRAM]
    return subprocess.run(
        program, cwd=FLOWS.parent, env=inherited | ours | environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_a_server_that_starts_late_is_waited_for_with_words(tmp_path: Path) -> None:
    done = _run(tmp_path, SERVER_DELAY="3")
    assert done.returncode == 0, done.stderr
    assert "stale runs cleared: 0" in done.stdout
    assert "starting a temporary Prefect server" in done.stderr and "on a cold machine" in done.stderr
    assert "still waiting for the temporary Prefect server: 3 s" in done.stderr


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        (
            {"SERVER_DELAY": "600", "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "2"},
            "did not answer within 2 s",
        ),
        ({"SERVER_DELAY": "0", "SERVER_DIES": "yes"}, "ended with exit code 1"),  # not waited for
    ],
)
def test_a_server_that_does_not_come_is_a_message(environment: dict[str, str], why: str, tmp_path: Path) -> None:
    done = _run(tmp_path, **environment)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"error: the temporary Prefect server {why}") and "PREFECT_API_URL" in last
    assert "Traceback" not in done.stderr and not done.stdout
    with pytest.raises(ProcessLookupError):  # nothing is left behind
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_server_that_is_named_is_taken_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from prefect.server.api.server import SubprocessASGIServer
    from prefect.settings import PREFECT_API_URL, temporary_settings

    before = dict(SubprocessASGIServer._instances)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    start_temporary_server()
    monkeypatch.delenv("PREFECT_API_URL")
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):  # as a profile does
        start_temporary_server()
    assert before == SubprocessASGIServer._instances
    assert capfd.readouterr() == ("", "")


def test_a_server_that_answers_late_is_waited_for_too() -> None:
    """Prefect's own wait ends in an error where an answer takes 5 s."""
    answers = iter([503, 200])

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(next(answers))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server:
        running = False
        server_process = None

        def start(self, timeout: int) -> None:
            raise httpx.ReadTimeout("")

    server = Server()
    with HTTPServer(("127.0.0.1", 0), Health) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        server.api_url = f"http://127.0.0.1:{listening.server_port}/api"  # type: ignore[attr-defined]
        temporary_server._start(server)
        listening.shutdown()
    assert server.running and not list(answers)


def _imported(body: list[ast.stmt]) -> list[tuple[str, int]]:
    """Modules of `flows` that are imported anywhere in it, and the lines."""
    nodes = [node for part in body for node in ast.walk(part)]
    return [(n.module or "", n.lineno) for n in nodes if isinstance(n, ast.ImportFrom) and n.level == 0]


def _imports_prefect(module: str) -> bool:
    """Whether it does when it is imported, itself or through others of `flows`."""
    if module.split(".")[0] == "prefect":
        return True
    path = FLOWS.parent / Path(*module.split(".")).with_suffix(".py")
    if not module.startswith("flows.") or not path.is_file():
        return False
    body = ast.parse(path.read_text(encoding="utf-8")).body
    at_once = [node for node in body if isinstance(node, ast.ImportFrom | ast.Import)]
    return any(_imports_prefect(name) for name, _ in _imported(at_once))  # type: ignore[arg-type]


def test_every_command_that_runs_flows_starts_the_server_first() -> None:
    files = {path.stem: ast.parse(path.read_text(encoding="utf-8")).body for path in (FLOWS / "cli").glob("*.py")}
    assert not [name for name in files if _imports_prefect(f"flows.cli.{name}")]
    runs_flows = set()
    for command in (node for body in files.values() for node in body if isinstance(node, ast.FunctionDef)):
        needing = [line for module, line in _imported(command.body) if _imports_prefect(module)]
        if needing:
            runs_flows.add(command.name)
            calls = [n for n in ast.walk(command) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
            started = [call.lineno for call in calls if call.func.id == "start_temporary_server"]  # type: ignore[attr-defined]
            assert started and started[0] < min(needing), command.name
    assert runs_flows == {"generate", "train", "evaluate", "demo", "reproduce", "clear_stale_runs"}
