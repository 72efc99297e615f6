"""Ranks need no N x N matrix: the peak of a process that does nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from model.evaluation.retrieval import _TILE

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_ranking_20000_pairs_takes_a_small_part_of_their_matrix() -> None:
    pairs, width = 20_000, 512
    command = [sys.executable, "-m", "benchmarks.evaluation", "--child", str(pairs), "--threads", "1"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment).stdout
    found = json.loads(output.splitlines()[-1])
    needed = found["peak_mib"] - found["peak_mib_before"]
    matrix = 4 * pairs**2 / 2**20  # 1,526 MiB
    copies = 2 * 4 * pairs * width / 2**20  # of both embeddings, in order: 78 MiB
    kept = 4 * pairs * _TILE / 2**20  # tiles with right answers, which are needed twice: 117 MiB
    assert needed < copies + kept + 64 < matrix / 5
