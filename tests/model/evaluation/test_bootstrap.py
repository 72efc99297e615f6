from typing import Any

import pytest
import torch
from hypothesis import given, settings, strategies as st

from model.evaluation.bootstrap import draws, intervals
from model.evaluation.metrics import RECALLS, WAYS, mean_recall, summarise
from model.evaluation.retrieval import Ranks


def _ranks(count: int, seed: int) -> Ranks:
    generator = torch.Generator().manual_seed(seed)
    both = (torch.rand(count, generator=generator).pow(3).mul(80).long() + 1 for _ in WAYS)
    return Ranks(*both, right_answers=torch.ones(count, dtype=torch.int64))


def _flat(found: dict[str, Any] | None) -> dict[str, float]:
    assert found is not None
    ends = {("mean_recall",): found["mean_recall"]}
    ends |= {(way, name): both for way in WAYS for name, both in found[way].items()}
    return {f"{name} {side}": value for name, both in ends.items() for side, value in enumerate(both)}


@settings(max_examples=20)
@given(st.integers(2, 40), st.integers(0, 1000), st.integers(1, 30))
def test_intervals_are_those_of_metrics_of_repeated_queries(count: int, seed: int, kinds: int) -> None:
    """The plain way: put the queries of each drawn cluster in a list, and summarise the list."""
    found = _ranks(count, seed)
    clusters = torch.randint(max(2, kinds), (count,), generator=torch.Generator().manual_seed(seed))
    clusters[:2] = torch.tensor([0, 1])
    labels = clusters.unique().tolist()
    metrics: list[dict[str, float]] = []
    for times in torch.cat(list(draws(len(labels), 50))).long().tolist():
        rows = [i for i, c in enumerate(clusters.tolist()) for _ in range(times[labels.index(c)])]
        both = {way: summarise(getattr(found, way)[rows]) for way in WAYS}
        flat = {f"{way} {name}": value for way in WAYS for name, value in both[way].items()}
        metrics.append({**flat, "mean": mean_recall(both["image_to_text"], both["text_to_image"])})

    got = intervals(found, clusters, resamples=50)
    assert got is not None and got["clusters"] == len(labels)
    names = [f"R@{k}" for k in RECALLS] + ["MedR", "MeanR", "MRR"]
    expected = {("mean",): got["mean_recall"], **{(way, name): got[way][name] for way in WAYS for name in names}}
    for name, ends in expected.items():
        values = torch.tensor([one[" ".join(name)] for one in metrics], dtype=torch.float64)
        assert ends == pytest.approx(values.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()), name


def test_intervals_are_seeded_and_do_not_depend_on_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    found, clusters = _ranks(300, 0), torch.arange(300)
    first = intervals(found, clusters)
    monkeypatch.setattr("model.evaluation.bootstrap._CHUNK_VALUES", 700)
    assert _flat(intervals(found, clusters)) == pytest.approx(_flat(first))


def test_five_captions_of_an_image_are_not_five_observations() -> None:
    """Ranks that are equal within a cluster say no more than one of them."""
    few = _ranks(100, 0)
    many = Ranks(*(one.repeat_interleave(5) for one in few))
    clusters = torch.arange(100)
    assert _flat(intervals(many, clusters.repeat_interleave(5))) == pytest.approx(_flat(intervals(few, clusters)))
    plain = intervals(many, torch.arange(500))
    of_clusters = intervals(few, clusters)
    assert plain is not None and of_clusters is not None
    widths = [high - low for low, high in (plain["mean_recall"], of_clusters["mean_recall"])]
    assert widths[0] < 0.6 * widths[1]  # 1 / sqrt(5) is 0.45


def test_nothing_is_said_of_a_single_cluster() -> None:
    assert intervals(_ranks(4, 0), torch.zeros(4, dtype=torch.int64)) is None
