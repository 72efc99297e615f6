"""The measurement of Prefect's costs runs, and counts what it says it counts."""

import pytest

from benchmarks.prefect_overhead import measure


@pytest.mark.slow
def test_at_small_sizes() -> None:
    results = measure(shards=[3, 6], children=[2], rows_per_shard=2)
    few, more = results["shards"]
    assert (few["shards"], more["shards"]) == (3, 6)
    assert few["process_overhead_seconds"] > 0 < few["flow_seconds"]
    assert more["api_calls"] >= few["api_calls"] > 0
    (children,) = results["children"]
    assert children["children"] == 2 and children["seconds"] > 0 < children["api_calls"]
