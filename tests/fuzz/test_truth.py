"""Random inputs whose right result is known: nothing is lost or wrong unsaid, and old faults would be found."""

import json
from pathlib import Path

import pytest

from tests.fuzz.truth.old_faults import OLD_FAULTS
from tests.fuzz.truth.run import SHARES, run

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow says what is odd
MOST = 400  # cases to find an old fault in


def _faults(folder: Path, cases: int, seed: int) -> dict[str, dict[str, int]]:
    pytest.importorskip("datasets")
    found = run(folder, cases, seed)
    assert found["faults"] == []
    assert found["cases"] == cases
    assert set(found["outcomes"]) == set(SHARES)
    outcomes: dict[str, dict[str, int]] = found["outcomes"]
    print(f"{found['seconds']} s:\n{json.dumps(outcomes, indent=1)}")
    return outcomes


def test_some_known_truths(tmp_path: Path) -> None:
    _faults(tmp_path, 60, seed=1)


@pytest.mark.slow
def test_ten_thousand_known_truths(tmp_path: Path) -> None:
    outcomes = _faults(tmp_path, 10_000, seed=0)
    readers = outcomes["readers"]
    refused = sum(count for outcome, count in readers.items() if outcome.endswith("refused"))
    assert refused < 0.05 * sum(readers.values())  # or the rest would show little
    assert outcomes["prompts"]["refused"] < 0.2 * sum(outcomes["prompts"].values())
    assert outcomes["images"]["cut: usable"] > 5


@pytest.mark.slow
@pytest.mark.parametrize("name", OLD_FAULTS)
def test_an_old_fault_is_found(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, put_back = OLD_FAULTS[name]
    assert run(tmp_path / "without", 20, 0, kind)["faults"] == []
    put_back(monkeypatch)
    found = run(tmp_path / "with", MOST, 0, kind, stop_at=1)
    assert found["faults"], name
    print(f"{name}: found in case {found['faults'][0]['number'] + 1} of its kind")
