"""`entityclip judge`: any lines, compared with the statuses they have."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from pipeline.errors import PipelineError

ROWS = [
    {"caption": "Marie Curie in Paris", "raw": "<think>x</think>Marie Curie was a physicist.", "status": "ok"},
    {"caption": "Marie Curie in Paris", "raw": "I don't know.", "status": "refused", "explanation": "what it said"},
    {"caption": "Marie Curie in Paris", "raw_text": "Unknown.", "status": None},
    {
        "caption": "Marie Curie in Paris",
        "raw": "Sie war Physikerin und hat im Labor gearbeitet.",
        "language": "en",
    },
]


def _run(tmp_path: Path, rows: list[object], *options: str) -> tuple[int, list[dict[str, object]]]:
    file = tmp_path / "answers.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    result = CliRunner().invoke(app, ["judge", str(file), *options], catch_exceptions=True)
    if isinstance(result.exception, PipelineError):
        raise result.exception
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


def test_lines_without_a_status_are_printed_and_others_if_they_differ(tmp_path: Path) -> None:
    code, printed = _run(tmp_path, ROWS)
    assert code == 0
    assert [(row["line"], row["status"]) for row in printed] == [(3, "refused"), (4, "off_language")]
    code, printed = _run(tmp_path, [*ROWS[:2], ROWS[0] | {"status": "refused"}, ROWS[0] | {"explanation": "Other."}])
    assert code == 1
    assert [(row["line"], row["expected"]) for row in printed] == [
        (3, {"status": "refused"}),
        (4, {"status": "ok", "explanation": "Other."}),
    ]


def test_thresholds_can_be_tried(tmp_path: Path) -> None:
    assert _run(tmp_path, ROWS[:1], "--set", "min_entities_share=0.9")[1][0]["status"] == "entity_missing"
    with pytest.raises(PipelineError, match=r"did you mean 'min_entities_share'"):
        _run(tmp_path, ROWS, "--set", "min_entity_share=0.9")
    with pytest.raises(PipelineError, match="KEY=VALUE"):
        _run(tmp_path, ROWS, "--set", "language")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([], "line 2: a JSON list"),
        ({"caption": "a"}, "line 2: 'raw' is missing"),
        ({"caption": "a", "raw": "b", "status": "good"}, "line 2: 'good' is no status"),
        ({"caption": "a", "raw": "b", "language": "xx"}, "line 2: language"),
    ],
)
def test_a_line_of_another_form_is_named(tmp_path: Path, row: object, message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        _run(tmp_path, [ROWS[0], row])
