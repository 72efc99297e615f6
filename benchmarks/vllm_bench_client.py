"""Runs `vllm bench serve` in vLLM's environment without needing pandas. Started by benchmarks/generation.py."""

import argparse
import json
from pathlib import Path
from typing import Any


def _load_data(self: Any) -> None:
    self.data = [json.loads(line) for line in Path(self.dataset_path).read_text(encoding="utf-8").splitlines()]


def main() -> None:
    """Run the benchmark client with the arguments from the command line."""
    from vllm.benchmarks.datasets.datasets import CustomDataset
    from vllm.benchmarks.serve import add_cli_args, main as bench_serve

    CustomDataset.load_data = _load_data
    parser = argparse.ArgumentParser()
    add_cli_args(parser)
    bench_serve(parser.parse_args())


if __name__ == "__main__":
    main()
