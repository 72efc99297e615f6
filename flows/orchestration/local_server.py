"""Runs Prefect locally for `make up` and `make down`: a server with SQLite, a work pool and one process worker.

Both commands are idempotent. Process ids and logs are in `.prefect-local/`; `down` stops exactly the processes that
`up` started. PREFECT_API_URL sets the server's address.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import yaml

from entityclip.contract.errors import ContractError
from entityclip.contract.own_json import read_object
from flows.orchestration.liveness import began
from flows.project_paths import PROJECT
from pipeline.errors import PipelineError
from pipeline.manifest.datasets import HeraldryDataset, OwnDataset
from pipeline.manifest.manifest import load_manifest

POOL = "entityclip"
_FOLDER = PROJECT / ".prefect-local"
_URL = "http://127.0.0.1:4200/api"
_SECONDS_TO_START = 180.0
_SECONDS_TO_STOP = 20.0
_SECONDS_BETWEEN_LINES = 5.0


def up() -> None:
    """Start the server and the worker if they are not running, and register the deployments whose data is here.

    Raises:
        PipelineError: another server uses the address, or a process does not start.
    """
    url = os.environ.setdefault("PREFECT_API_URL", _URL)
    address = urlsplit(url)
    if address.hostname not in ("127.0.0.1", "localhost") or address.port is None:
        raise PipelineError(f"PREFECT_API_URL is {url}, but must name a port on this machine, such as {_URL}")
    _FOLDER.mkdir(exist_ok=True)
    if not _runs("server"):
        if _answers(url):
            raise PipelineError(
                f"another Prefect server answers at {url}; use that server, or set PREFECT_API_URL to another port"
            )
        with _announced("starting the Prefect server"):
            _start("server", ["server", "start", "--host", "127.0.0.1", "--port", str(address.port)])
            _wait("server", lambda: _answers(url))
    with _announced("registering the deployments of prefect.yaml"):
        _run("-m", "prefect", "work-pool", "create", POOL, "--type", "process", "--overwrite")
        names, absent = deployments_here()
        _run("-m", "prefect", "--no-prompt", "deploy", *(word for name in names for word in ("--name", name)))
        for dataset, folder in absent.items():
            print(f"{dataset} is not registered, as its data is not in {folder}", flush=True)
    if not _runs("worker"):
        with _announced("starting a worker"):
            _run("-m", "flows.cli", "clear-stale-runs")  # runs stopped by `down` are still in the state Running
            _start("worker", ["worker", "start", "--pool", POOL, "--name", "local"])
            _wait("worker", lambda: "started!" in _log("worker").read_text(encoding="utf-8", errors="replace"))
    print(
        f"Prefect runs at {url.removesuffix('/api')} (logs in {_FOLDER.name}/). To use it: export PREFECT_API_URL={url}"
    )


def deployments_here(project: Path = PROJECT) -> tuple[list[str], dict[str, Path]]:
    """Return the deployments of prefect.yaml whose data is on this machine, as FUNCTION/NAME with dashes.

    The second value has the missing data folders of the published datasets, by the name of their deployments.
    """
    entries = yaml.safe_load((project / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    absent: dict[str, Path] = {}
    for entry in entries:
        if manifest := (entry.get("parameters") or {}).get("manifest"):
            loaded = load_manifest(project / manifest)
            if not isinstance(loaded.dataset, HeraldryDataset | OwnDataset):  # these are rendered, or the user's own
                folder = loaded.resolve(loaded.dataset.root)
                if not folder.is_dir():
                    absent[entry["name"]] = folder
    functions = [(entry["entrypoint"].rpartition(":")[2].replace("_", "-"), entry["name"]) for entry in entries]
    return [f"{function}/{name}" for function, name in functions if name not in absent], absent


def down() -> None:
    """Stop the worker and its flow runs, then the server. Prefect's data is kept."""
    stopped = [name for name in ("worker", "server") if _stop(name)]
    print(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")


@contextmanager
def _announced(what: str) -> Iterator[None]:
    """Print `what` when the block starts, and the elapsed time every few seconds until it ends."""
    began, is_over = time.monotonic(), threading.Event()

    def repeat() -> None:
        while not is_over.wait(_SECONDS_BETWEEN_LINES):
            print(f"{what}: {time.monotonic() - began:.0f} s", flush=True)

    print(what, flush=True)
    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _run(*arguments: str) -> None:
    done = subprocess.run([sys.executable, *arguments], cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PipelineError(f"python {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")


def _start(name: str, arguments: list[str]) -> None:
    environment = {**os.environ, "PREFECT_WORKER_QUERY_SECONDS": os.environ.get("PREFECT_WORKER_QUERY_SECONDS", "2")}
    with _log(name).open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", *arguments],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,  # protects the process from Ctrl-C; `_stop` ends its whole group
        )
    _record(name).write_text(json.dumps({"pid": process.pid, "began": began(process.pid)}), encoding="utf-8")


def _wait(name: str, ready: Callable[[], bool]) -> None:
    end = time.monotonic() + _SECONDS_TO_START
    while not ready():
        if not _runs(name) or time.monotonic() > end:
            tail = "\n".join(_log(name).read_text(encoding="utf-8", errors="replace").splitlines()[-20:])
            _stop(name)
            raise PipelineError(f"the {name} did not start. The last lines of {_log(name)}:\n{tail}")
        time.sleep(0.5)


def _stop(name: str) -> bool:
    """Stop a process that `up` started, including its process group; return False if it was not running."""
    pid = _runs(name)
    _record(name).unlink(missing_ok=True)
    if pid is None:
        return False
    end = time.monotonic() + _SECONDS_TO_STOP
    with suppress(ProcessLookupError):  # the group is gone
        os.killpg(pid, signal.SIGTERM)
        while time.monotonic() < end:
            time.sleep(0.2)
            os.killpg(pid, 0)
        os.killpg(pid, signal.SIGKILL)
    return True


def _runs(name: str) -> int | None:
    """Return the process id that `up` recorded, or None if that process is no longer running."""
    try:
        record = read_object(_record(name))
    except (FileNotFoundError, ContractError):  # damaged: what it started cannot be known
        return None
    pid = record.get("pid")
    return pid if isinstance(pid, int) and 0 < pid < 2**31 and began(pid) == record.get("began") else None


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=2.0).status_code == 200
    except httpx.TransportError:
        return False


def _record(name: str) -> Path:
    return _FOLDER / f"{name}.json"


def _log(name: str) -> Path:
    return _FOLDER / f"{name}.log"


if __name__ == "__main__":
    try:
        {"up": up, "down": down}[sys.argv[1]]()
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
