"""Compares our generation with vLLM's own tools on the same prompts: `python -m benchmarks.generation --help`.

Uses the demo world's captions, its Llama and the real vLLM (`make vllm-env`), at temperature 0:

- `LLM.generate`: called in-process on token ids; shows the engine's throughput without a server;
- run-batch: vLLM's batch runner; the time for 16 prompts is subtracted to exclude loading the model;
- bench serve: vLLM's benchmark client against `vllm serve`, with as many concurrent prompts as our flow;
- ours: our flow with the same server, from the first prompt sent to the last shard written;
- ours again: our flow when all explanations already exist.

The benchmark client and our flow alternate. The server's prefix cache is cleared before each run, so that neither
benefits from the other's prompts. docs/generation_performance.md has the results.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
import yaml

from benchmarks.measuring import JsonPath, median_and_range, show_table, write_results
from flows.demo import MANIFEST
from pipeline.engines.vllm.server import DEFAULT_PYTHON, VllmServer
from pipeline.job import open_job
from pipeline.manifest.generation import VllmEngine
from pipeline.readers import read_pairs

_FEW = 16  # prompts in the run-batch call that measures start-up time
_WHOLE = "ours, whole process with Prefect's start"
_AGAIN = "ours again, all there, whole process"


class Bench:
    """The prompts of one job, and the methods that generate the answers. Times are wall times in seconds."""

    def __init__(self, folder: Path, prompts: int, max_num_seqs: int, rounds: int) -> None:
        self.folder = folder
        self.rounds = rounds
        self.settings = VllmEngine(max_num_seqs=max_num_seqs)
        self.in_flight = round(1.5 * max_num_seqs)  # the engine's default; used for the client as well
        self.prompts = prompts
        self.job = open_job(self.manifest_with({"kind": "vllm"}, "unused"))
        self.generation = self.job.manifest.generation.model_dump()
        pairs = read_pairs(self.job.manifest)
        self.chats = [self.job.prompt.render(pair) for pair, _ in zip(pairs, range(prompts), strict=False)]
        self.ids = self.job.model.encode(self.chats)
        self.server = VllmServer(
            self.job.model, self.generation["max_model_len"], self.settings, DEFAULT_PYTHON, folder / "server.log"
        )

    def manifest_with(self, engine: dict[str, Any], output: str) -> Path:
        """Write a copy of the demo's manifest to this folder, with the given engine and output; return its path."""
        content = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
        content["dataset"]["root"] = str(self.folder / "world")
        content["generation"]["model"] = str(MANIFEST.parent / content["generation"]["model"])
        judge = content["generation"]["judge"]
        judge["clip_tokenizer"] = str(MANIFEST.parent / judge["clip_tokenizer"])
        content["generation"]["engine"] = engine
        content["output"] = output
        path = self.folder / f"{output}.yaml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path

    def raw(self) -> list[float]:
        given = {
            "prompts": self.ids,
            "max_tokens": self.generation["sampling"]["max_tokens"],
            "rounds": self.rounds,
            "out": str(self.folder / "raw.json"),
        }
        (self.folder / "prompts.json").write_text(json.dumps(given), encoding="utf-8")
        script = Path(__file__).with_name("vllm_raw.py")
        self._in_vllm([str(script), str(self.folder / "prompts.json"), *self._engine_flags()], "raw.log")
        return list(json.loads((self.folder / "raw.json").read_text(encoding="utf-8"))["rounds"])

    def run_batch(self) -> list[float]:
        """Return the time of each round of vLLM's batch runner, excluding its start-up."""
        return [self._run_batch(len(self.chats)) - self._run_batch(_FEW) for _ in range(self.rounds)]

    def _run_batch(self, count: int) -> float:
        requests, answers = self.folder / "batch.jsonl", self.folder / "batch.out.jsonl"
        body = {"model": self.job.model.name, "temperature": 0, "max_tokens": self.generation["sampling"]["max_tokens"]}
        lines = [
            {"custom_id": str(i), "method": "POST", "url": "/v1/chat/completions", "body": {**body, "messages": chat}}
            for i, chat in enumerate(self.chats[:count])
        ]
        requests.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        module = ["-m", "vllm.entrypoints.openai.run_batch", "-i", str(requests), "-o", str(answers)]
        began = time.monotonic()
        self._in_vllm([*module, *self._engine_flags(), "--served-model-name", self.job.model.name], "run_batch.log")
        seconds = time.monotonic() - began
        assert sum('"status_code":200' in line for line in answers.read_text().splitlines()) == count
        return seconds

    def client(self, url: str) -> float:
        dataset, result = self.folder / "client.jsonl", self.folder / "client.json"
        with self.job.model.lock:
            texts = self.job.model.tokenizer.apply_chat_template(self.chats, add_generation_prompt=True, tokenize=False)
        dataset.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in texts), encoding="utf-8")
        arguments = ["--backend", "openai", "--base-url", url.removesuffix("/v1"), "--dataset-name", "custom"]
        arguments += ["--model", self.job.model.name, "--tokenizer", self.job.model.source]
        arguments += ["--dataset-path", str(dataset), "--num-prompts", str(len(texts)), "--skip-chat-template"]
        arguments += ["--custom-output-len", str(self.generation["sampling"]["max_tokens"]), "--temperature", "0"]
        arguments += ["--max-concurrency", str(self.in_flight), "--save-result"]
        arguments += ["--result-dir", str(result.parent), "--result-filename", result.name, "--disable-tqdm"]
        self._in_vllm([str(Path(__file__).with_name("vllm_bench_client.py")), *arguments], "client.log")
        found = json.loads(result.read_text(encoding="utf-8"))
        assert found["completed"] == len(texts)
        return float(found["duration"])

    def ours(self, url: str, output: str) -> tuple[float, float]:
        """Return the generation time that the flow's summary reports, and the time of the whole process."""
        engine = {"kind": "vllm", "urls": [url], "max_num_seqs": self.settings.max_num_seqs}
        manifest = self.manifest_with(engine, output)
        program = (
            "import sys; from pathlib import Path; from flows.generate import generate_explanations as g; "
            "s = g(Path(sys.argv[1]), limit=int(sys.argv[2])); Path(sys.argv[3]).write_text(f'{s.rows} {s.seconds}')"
        )
        report = self.folder / "ours.txt"
        command = [sys.executable, "-c", program, str(manifest), str(self.prompts), str(report)]
        began = time.monotonic()
        self._run(command, "ours.log")
        whole = time.monotonic() - began
        rows, seconds = report.read_text().split()
        assert int(rows) == len(self.chats)
        return float(seconds), whole

    @contextmanager
    def served(self) -> Iterator[str]:
        """Run a server whose prefix cache can be cleared, and yield its base URL."""
        os.environ["VLLM_SERVER_DEV_MODE"] = "1"
        self.server.start(threading.Event())
        try:
            yield self.server.url
        finally:
            self.server.stop()

    def _engine_flags(self) -> list[str]:
        """Return the arguments of `vllm serve` that vLLM's offline tools also accept."""
        flags = self.server._command(port=0)[3:]
        for name in ("--served-model-name", "--host", "--port"):
            where = flags.index(name)
            del flags[where : where + 2]
        return flags

    def _in_vllm(self, arguments: list[str], log: str) -> None:
        self._run([str(DEFAULT_PYTHON), *arguments], log, self.server._environment())

    def _run(self, command: list[str], log: str, environment: dict[str, str] | None = None) -> None:
        path = self.folder / log
        with path.open("ab") as file:
            ended = subprocess.run(command, check=False, stdout=file, stderr=file, env=environment)
        if ended.returncode:
            sys.exit(f"{command[:3]} failed:\n{path.read_text(errors='replace')[-3000:]}")


def main(
    prompts: Annotated[int, typer.Option(help="Number of captions of the demo world to use.")] = 2_000,
    max_num_seqs: Annotated[int, typer.Option(help="Maximum number of sequences in a vLLM batch.")] = 256,
    rounds: Annotated[int, typer.Option(help="Number of measurements of each method.")] = 3,
    with_run_batch: Annotated[
        bool, typer.Option(help="Also measure vLLM's batch runner (two starts per round).")
    ] = True,
    json_path: JsonPath = None,
) -> None:
    """Measure all methods and print a table."""
    seconds: dict[str, list[float]] = {"bench serve": [], "ours": [], _WHOLE: [], _AGAIN: []}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), prompts, max_num_seqs, rounds)
        print(f"{len(bench.chats)} prompts, {bench.in_flight} in flight", file=sys.stderr, flush=True)
        with bench.served() as url:
            for number in range(rounds + 1):  # the first round only warms up the server
                _forget_prefixes(url)
                client = bench.client(url)
                _forget_prefixes(url)
                ours, whole = bench.ours(url, f"ours-{number}")
                again = bench.ours(url, f"ours-{number}")[1]
                print(f"round {number}: client {client:.1f} s, ours {ours:.1f} s", file=sys.stderr, flush=True)
                if number:
                    for name, value in zip(seconds, (client, ours, whole, again), strict=True):
                        seconds[name].append(value)
        seconds["LLM.generate"] = bench.raw()
        if with_run_batch:
            seconds["run-batch"] = bench.run_batch()
        rates = {name: [len(bench.chats) / value for value in values] for name, values in seconds.items()}
        medians = {name: statistics.median(values) for name, values in rates.items()}
        best = max(medians[name] for name in ("bench serve", "run-batch") if name in rates)
        show_table(
            {
                "method": name,
                "rows/s": median_and_range(values),
                "of vLLM's best served or batch": medians[name] / best,
                "of LLM.generate": medians[name] / medians["LLM.generate"],
            }
            for name, values in rates.items()
            if name not in (_WHOLE, _AGAIN)
        )
        for name in (_WHOLE, _AGAIN):
            print(f"{name}: {statistics.median(seconds[name]):.1f} s")
        write_results(json_path, {"prompts": len(bench.chats), "in_flight": bench.in_flight, "seconds": seconds})


def _forget_prefixes(url: str) -> None:
    httpx.post(f"{url.removesuffix('/v1')}/reset_prefix_cache", timeout=60).raise_for_status()


if __name__ == "__main__":
    typer.run(main)
