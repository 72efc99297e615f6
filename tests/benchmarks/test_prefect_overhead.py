"""The measurement of Prefect's costs runs, and counts what it says it counts."""

import pytest

from benchmarks.prefect_overhead import measure


@pytest.mark.slow
def test_at_a_small_size() -> None:
    (found,) = measure(shards=[3], children=[], rows_per_shard=2)["shards"]
    assert found["shards"] == 3
    assert found["process_overhead_seconds"] > 0 < found["flow_seconds"]
    assert found["api_calls"] > 10
