"""Measures the overhead of Prefect: `python -m benchmarks.prefect_overhead --help`.

Each measurement is a process that generates shards of a few rows with an engine that answers instantly. Buckets run
without Prefect, and as tasks of the real flow with the same number of threads on a temporary server; the difference is
the cost of the tasks. Then, when all shards exist, ranges run as child runs on a real worker. API calls are counted in
the flow's process. docs/prefect.md has the results and what they imply for the size of a shard.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from unittest import mock

import httpx
import typer

from benchmarks.measuring import JsonPath, in_process, show_table, write_results
from benchmarks.pipeline_rate import run_flow, run_loop
from benchmarks.synthetic_pairs import write_dataset


def run_counted_flow(manifest: Path) -> dict[str, float]:
    """Generate the manifest's shards with the flow in this process; return `run_flow`'s results and `api_calls`."""
    calls: Counter[str] = Counter()
    with _counted(calls):
        return {**run_flow(manifest), "api_calls": calls.total()}


def run_children(manifest: Path, children: int) -> dict[str, float]:
    """Run a flow with `children` child runs on a real worker when all shards exist; return its time and API calls."""
    calls: Counter[str] = Counter()
    from flows.generate import generate_explanations

    with _server_and_worker(manifest), _counted(calls):
        began = time.monotonic()
        generate_explanations(manifest, ranges=children)
        return {"seconds": time.monotonic() - began, "api_calls": calls.total()}


@contextmanager
def _counted(calls: Counter[str]) -> Iterator[None]:
    """Count this process's HTTP requests to Prefect's server."""
    sync_send, async_send = httpx.Client.send, httpx.AsyncClient.send

    def send(client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        calls[request.url.path] += 1
        return sync_send(client, request, **options)

    async def asend(client: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:
        calls[request.url.path] += 1
        return await async_send(client, request, **options)

    with mock.patch.object(httpx.Client, "send", send), mock.patch.object(httpx.AsyncClient, "send", asend):
        yield


@contextmanager
def _server_and_worker(manifest: Path) -> Iterator[None]:
    """Run a temporary server with the deployment `generate-range/synthetic`, and one process worker."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    from flows.generate_range import generate_range
    from flows.project_paths import PROJECT

    with prefect_test_harness(server_startup_timeout=120), get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="overhead", type="process"))
        client.create_deployment(
            flow_id=client.create_flow(generate_range),
            name="synthetic",
            entrypoint="flows/generate_range.py:generate_range",
            pull_steps=[{"flows.project_paths.enter_project": {}}],
            work_pool_name="overhead",
            parameters={"manifest": str(manifest)},
        )
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "overhead"]
        environment = {
            **os.environ,
            "PREFECT_API_URL": str(PREFECT_API_URL.value()),
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PYTHONPATH": str(PROJECT),
        }
        worker = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        try:
            assert worker.stdout is not None
            next(line for line in worker.stdout if "started!" in line)
            yield
        finally:
            worker.terminate()
            worker.communicate()


def measure(shards: list[int], children: list[int], rows_per_shard: int) -> dict[str, list[dict[str, float]]]:
    """Run all measurements, and return them under the keys "shards" and "children"."""
    results: dict[str, list[dict[str, float]]] = {"shards": [], "children": []}
    with tempfile.TemporaryDirectory() as folder:

        def dataset(name: str, count: int) -> Path:
            rows = count * rows_per_shard
            return write_dataset(Path(folder) / f"{name}-{count}", rows, rows_per_shard=rows_per_shard)

        for count in shards:
            loop = in_process(run_loop, dataset("loop", count))
            flow = in_process(run_counted_flow, dataset("flow", count))
            outside = [run["process_seconds"] - run["body_seconds"] for run in (flow, loop)]
            results["shards"].append(
                {
                    "shards": count,
                    "loop_seconds": loop["body_seconds"],
                    "flow_seconds": flow["body_seconds"],
                    "task_milliseconds": 1000 * (flow["body_seconds"] - loop["body_seconds"]) / count,
                    "process_overhead_seconds": outside[0] - outside[1],
                    "api_calls": flow["api_calls"],
                }
            )
        for count in children:
            manifest = dataset("children", count)
            in_process(run_loop, manifest)
            results["children"].append({"children": count, **in_process(run_children, manifest, count)})
    return results


def main(
    shards: Annotated[list[int], typer.Option(help="Number of shards (repeatable).")] = [10, 100, 1000],  # noqa: B006
    children: Annotated[list[int], typer.Option(help="Number of child runs on one worker (repeatable).")] = [2, 8],  # noqa: B006
    rows_per_shard: Annotated[int, typer.Option(help="Pairs per shard.")] = 2,
    json_path: JsonPath = None,
) -> None:
    """Measure a flow on a temporary server, its shard tasks, and child runs on a worker."""
    results = measure(shards, children, rows_per_shard)
    for name, rows in results.items():
        show_table(rows, name)
    write_results(json_path, results)


if __name__ == "__main__":
    typer.run(main)
