"""The judge on labelled answers: given cases, three sets by authors who had not read the rules, and kinds of phrases.

`scores.json` has the least precision and recall of each status in each set.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.judge.clip_tokens import token_counter
from pipeline.judge.rules import Judge
from pipeline.manifest.generation import Judging

DATA = Path(__file__).parents[2] / "data" / "judge"
SCORES: dict[str, dict[str, list[float]] | None] = json.loads((DATA / "scores.json").read_text(encoding="utf-8"))


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def _judge(row: dict[str, Any]) -> tuple[str, str]:
    # the labelled texts are of any length
    settings = Judging.model_validate({"language": row.get("language"), "clip_context_length": 100_000})
    found = Judge(settings, token_counter("openai", DATA)).judge(row["caption"], row["raw"], row.get("finish_reason"))
    return found.status.value, found.explanation or ""


@pytest.mark.parametrize("row", _rows("cases"), ids=lambda row: row["raw"][:40])
def test_given_cases(row: dict[str, Any]) -> None:
    status, explanation = _judge(row)
    assert status == row["status"]
    assert explanation == row.get("explanation", explanation)


@pytest.mark.parametrize("half", [half for half, scores in SCORES.items() if scores is not None])
def test_precision_and_recall_of_each_status(half: str) -> None:
    right: Counter[str] = Counter()
    found: Counter[str] = Counter()
    labelled: Counter[str] = Counter()
    for row in _rows(half):
        status, _ = _judge(row)
        found[status] += 1
        labelled[row["status"]] += 1
        right[status] += status == row["status"]
    least = SCORES[half]
    assert least is not None and set(least) == set(labelled)
    for status, (precision, recall) in least.items():
        assert right[status] >= precision * found[status], f"precision of {status}: {right[status]}/{found[status]}"
        assert right[status] >= recall * labelled[status], f"recall of {status}: {right[status]}/{labelled[status]}"


def test_texts_are_cleaned_as_labelled() -> None:
    for row in _rows("tuning"):
        if row["status"] not in ("refused", "empty"):
            assert _judge(row)[1] == row["explanation"]


@pytest.mark.parametrize("status", ["refused", "entity_missing"])
def test_kinds_of_phrases(status: str) -> None:
    rows = [row for row in _rows("phrases") if status in row]
    assert len(rows) > 50
    assert [row["raw"] for row in rows if (_judge(row)[0] == status) is not row[status]] == []
