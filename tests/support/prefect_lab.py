"""A real Prefect server, work pool and process workers in a temporary home, used through the `prefect` command."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeVar
from uuid import UUID

import httpx
import psutil
import yaml

ROOT = Path(__file__).parents[2]
T = TypeVar("T")


def wait_for(what: Callable[[], T | None]) -> T:
    """The first true value of `what`; the deadline of the test is that of its waits, however busy the machine."""
    while not (value := what()):
        time.sleep(0.1)
    return value


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def lab_environment(folder: Path) -> dict[str, str]:
    """What separates a test's Prefect from everybody else's."""
    home = folder / "prefect-home"
    home.mkdir(parents=True)
    return {
        **os.environ,
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://127.0.0.1:{free_port()}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "OMP_NUM_THREADS": "1",
    }


class PrefectLab:
    """A context manager: server and pool; everything it started is killed at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**lab_environment(folder), "PYTHONPATH": str(ROOT)}
        self.url = self.environment["PREFECT_API_URL"]
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        port = self.url.split(":")[2].partition("/")[0]
        self._start("server", "server", "start", "--host", "127.0.0.1", "--port", port)
        wait_for(self._healthy)
        self.prefect("work-pool", "create", "lab", "--type", "process")
        return self

    def __exit__(self, *exc: object) -> None:
        for process in self._started:
            self.kill(process)

    def deploy(self, datasets: dict[str, Path]) -> None:
        """The flows that generate, as prefect.yaml deploys them, for manifests anywhere."""
        content = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
        wanted = [d for d in content["deployments"] if d["name"] == "heraldry" and "manifest" in d["parameters"]]
        wanted = [d for d in wanted if "out" not in d["parameters"]]
        content["deployments"] = [
            {**one, "name": name, "parameters": {"manifest": str(manifest)}, "work_pool": {"name": "lab"}}
            for one in wanted
            for name, manifest in datasets.items()
        ]
        file = self.folder / "prefect.yaml"
        file.write_text(yaml.safe_dump(content), encoding="utf-8")
        self.prefect("--no-prompt", "deploy", "--all", "--prefect-file", str(file))

    def worker(self, name: str, limit: int, pool: str = "lab") -> subprocess.Popen[bytes]:
        """A worker in a process group of its own; its flow runs are in it too."""
        return self._start(name, "worker", "start", "--pool", pool, "--name", name, "--limit", str(limit))

    def run(self, deployment: str, **parameters: Any) -> UUID:
        """Start a run of a deployment."""
        given = [word for key, value in parameters.items() for word in ("--param", f"{key}={value}")]
        said = self.prefect("deployment", "run", deployment, *given)
        return next(UUID(word) for word in said.replace("/", " ").split() if len(word) == 36 and word.count("-") == 4)

    def runs(self) -> list[dict[str, Any]]:
        """All flow runs, the oldest first."""
        found = httpx.post(f"{self.url}/flow_runs/filter", json={}, timeout=30).raise_for_status().json()
        return sorted(found, key=lambda run: run["created"])

    def state(self, run: UUID) -> dict[str, Any]:
        """Type, name and message of a flow run's state."""
        return dict(httpx.get(f"{self.url}/flow_runs/{run}", timeout=30).raise_for_status().json()["state"])

    def ended(self, run: UUID) -> dict[str, Any]:
        """The final state of a flow run."""
        final = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
        return wait_for(lambda: state if (state := self.state(run))["type"] in final else None)

    def artifacts(self, run: UUID) -> dict[str, dict[str, Any]]:
        """Artifacts of a flow run by key, or by type where they have none."""
        wanted = {"artifacts": {"flow_run_id": {"any_": [str(run)]}}}
        found = httpx.post(f"{self.url}/artifacts/filter", json=wanted, timeout=30).raise_for_status().json()
        return {artifact["key"] or artifact["type"]: artifact for artifact in found}

    def prefect(self, *arguments: str) -> str:
        """What a `prefect` command prints; fails if it does."""
        command = [sys.executable, "-m", "prefect", *arguments]
        done = subprocess.run(command, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @staticmethod
    def kill(process: subprocess.Popen[bytes]) -> None:
        """SIGKILL for a process and its group."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as log:
            command = [sys.executable, "-m", "prefect", *arguments]
            process = subprocess.Popen(
                command, env=self.environment, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        self._started.append(process)
        return process

    def _healthy(self) -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/health", timeout=2).status_code == 200
        return False


def flow_processes(worker: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The processes of the flow runs that a worker has started."""
    with suppress(psutil.NoSuchProcess):
        return [child for child in psutil.Process(worker.pid).children() if child.is_running()]
    return []
