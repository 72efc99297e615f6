"""What the sections are made of: the sample, lengths, throughput, and what folders hold."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from model.errors import ModelError
from model.report.explanations import read_explanations
from model.report.gallery import quotas, sample
from model.report.generation import describe_generation, length_bars
from model.report.sources import find_sources
from model.report.text import cut, shown
from model.report.throughput import throughput
from tests.model.report.hostile import write_small
from tests.model.shard_writer import row, write_shard

_KINDS = st.tuples(st.sampled_from(["train", "val", "test"]), st.sampled_from("abcdefghijkl"))


@given(st.dictionaries(_KINDS, st.integers(1, 100_000), min_size=1), st.integers(1, 300))
def test_rare_kinds_are_seen_and_the_page_is_full(counts: dict[tuple[str, str], int], total: int) -> None:
    share = quotas(Counter(counts), total)
    assert sum(share.values()) == min(total, sum(counts.values()))
    assert all(0 <= share[kind] <= counts[kind] for kind in counts)
    if total >= 5 * len(counts):
        assert all(share[kind] >= min(5, counts[kind]) for kind in counts)
    elif total >= len(counts):
        assert all(share[kind] >= 1 for kind in counts)


def test_the_sample_is_the_same_however_rows_are_cut_into_shards(tmp_path: Path) -> None:
    rows = [row(n, "train", status="truncated" if n % 50 == 7 else "ok") for n in range(400)]
    write_shard(tmp_path / "one", "train", rows, tmp_path)
    for shard in range(3):
        write_shard(tmp_path / "three", "train", rows[::-1][shard::3], tmp_path, shard, 3)
    one, three = (sample(read_explanations(tmp_path / name), 40) for name in ("one", "three"))
    assert [found["id"] for found in one] == [found["id"] for found in three]
    assert Counter(found["status"] for found in one) == {"ok": 35, "truncated": 5}
    assert len({found["id"] for found in one}) == 40


@given(st.dictionaries(st.integers(2, 3000), st.integers(1, 1000), min_size=1))
def test_bars_hold_every_explanation_once(tally: dict[int, int]) -> None:
    bars = length_bars(tally)
    assert sum(bar.rows for bar in bars) == sum(tally.values())
    for bar in bars:
        inside = [n for value, n in tally.items() if bar.low <= value and (bar.high is None or value <= bar.high)]
        assert bar.rows == sum(inside)
    assert len(bars) <= 50 and [bar.high is None for bar in bars].count(True) <= 1


def _made(began: str, finished: str, tokens: int) -> dict[str, Any]:
    day = "2026-01-01T10:"
    times = {"began_at": f"{day}{began}+00:00", "finished_at": f"{day}{finished}+00:00"}
    return {**times, "requests": 1, "completion_tokens": tokens}


def test_throughput_counts_time_at_work_once() -> None:
    """Two shards of a run, a pause, and two runs side by side; what does not say when is passed over."""
    footers = [
        {"generations": [_made("00:00", "00:10", 100), _made("05:00", "05:10", 30)]},
        {"generations": [_made("00:00", "00:20", 100), _made("05:05", "05:20", 20), {"requests": 1}, None]},
        {"generations": None},
        {"generations": "often"},
        {"generations": [{"began_at": "yesterday", "finished_at": 3}, {"began_at": "2026-01-01T10:00:00"}]},
        {},
    ]
    found = throughput(footers)
    assert [(span.seconds, span.tokens) for span in found.spans] == [(20, 200), (10, 30), (15, 20)]
    assert found.seconds == 40 and found.tokens == 250 and found.tokens_per_second == 6.25
    assert found.finished == [(10, 100), (20, 200), (30, 230), (40, 250)]
    assert throughput([]).tokens_per_second is None


def test_footers_that_say_odd_things_are_passed_over(tmp_path: Path) -> None:
    naive = {"began_at": "2026-01-01T10:00:00", "finished_at": "2026-01-01T10:00:02", "completion_tokens": 6}
    odd: list[dict[str, Any]] = [
        {"judge": "stern", "generations": [None, 3], "prompt": "v1", "model": ["a", {}]},
        {"judge": {"clip_context_length": [77]}, "generations": 7, "prompt": None, "model": None},
        {"judge": {"clip_context_length": 77}, "generations": [naive, _made("00:00", "00:02", 4)]},
    ]
    for shard, about in enumerate(odd):
        write_shard(tmp_path, "train", [row(shard, "train")], tmp_path, shard, len(odd), **about)
    found = describe_generation(read_explanations(tmp_path))
    assert found.total == 3 and found.found.context is None and not found.found.problems
    assert found.throughput.tokens_per_second == 5


def test_folders_that_hold_nothing_or_too_much(tmp_path: Path) -> None:
    one, other = write_small(tmp_path / "one", 4), write_small(tmp_path / "other", 4)
    assert find_sources([tmp_path / "one"]).explanations == one  # as in the folder of a demo run
    assert find_sources([one, tmp_path / "one"]).explanations == one
    with pytest.raises(ModelError, match="explanations in several folders"):
        find_sources([one, other])
    with pytest.raises(ModelError, match="is not a folder; give a run"):
        find_sources([one, tmp_path / "nowhere"])
    with pytest.raises(ModelError, match="has neither a training run nor explanation shards"):
        find_sources([one / "split=train"])


def test_hidden_characters_are_shown_and_scripts_left_alone() -> None:
    assert shown("a\u202eb\x00\ud800\n\tc\u2028") == "a\\u202eb\\x00\\ud800\n\tc\\u2028"
    kept = "\u05e9\u05dc\u05d5\u05dd \u0645\u06cc\u200c\u062e \U0001f469\u200d\U0001f469 \xa0 \xad"
    assert shown(kept) == kept
    assert cut("abc", 3) == "abc" and cut("abcd", 3) == "abc\u2026 (4 characters)"
