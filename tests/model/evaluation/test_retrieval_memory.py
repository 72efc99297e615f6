"""Ranks need no N x N matrix: the peak of a process that does nothing else."""

import pytest

from benchmarks.evaluation import measure_alone
from benchmarks.measuring import in_process
from model.evaluation.retrieval import _TILE


@pytest.mark.slow
def test_ranking_20000_pairs_takes_a_small_part_of_their_matrix() -> None:
    pairs, width = 20_000, 512
    found = in_process(measure_alone, pairs, width, 1)
    needed = found["peak_mib"] - found["peak_mib_before"]
    matrix = 4 * pairs**2 / 2**20  # 1,526 MiB
    copies = 2 * 4 * pairs * width / 2**20  # of both embeddings, in order: 78 MiB
    kept = 4 * pairs * _TILE / 2**20  # tiles with right answers, which are needed twice: 117 MiB
    assert needed < copies + kept + 64 < matrix / 5
