"""Saved ranks are used for the pairs, weights and shards that they were computed for, and for no others."""

from pathlib import Path

import pytest
import torch

from model.evaluation.retrieval import Ranks
from model.evaluation.saved_ranks import load_ranks, save_ranks

_IDS = ["a", "b", "c"]
_ABOUT = {"split": "test", "towers_sha256": "t", "shards_sha256": "s"}


@pytest.mark.parametrize(
    ("split", "ids", "about", "is_found"),
    [
        ("test", _IDS, {"towers_sha256": "t", "shards_sha256": "s"}, True),
        ("val", _IDS, {"towers_sha256": "t", "shards_sha256": "s"}, False),
        ("test", ["a", "c", "b"], {"towers_sha256": "t", "shards_sha256": "s"}, False),
        ("test", _IDS, {"towers_sha256": "other", "shards_sha256": "s"}, False),
        ("test", _IDS, {"towers_sha256": "t", "shards_sha256": "other"}, False),
    ],
)
def test_only_for_what_they_were_computed_for(
    split: str, ids: list[str], about: dict[str, str], is_found: bool, tmp_path: Path
) -> None:
    ranks = Ranks(torch.tensor([1, 2, 3]), torch.tensor([3, 1, 1]), torch.tensor([1, 1, 2]))
    save_ranks(tmp_path, "test", _IDS, ranks, _ABOUT)
    found = load_ranks(tmp_path, split, ids, about)
    assert (found is not None) == is_found
    if found is not None:
        assert all(torch.equal(one, other) for one, other in zip(found, ranks, strict=True))


def test_a_damaged_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "test_ranks.parquet").write_bytes(b"PAR1")
    assert load_ranks(tmp_path, "test", _IDS, {}) is None
