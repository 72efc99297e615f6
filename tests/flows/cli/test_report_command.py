"""`entityclip report` as a person meets it."""

import sys
from pathlib import Path

import pytest

from flows.cli.main import main
from pipeline.inspect.summary import summarise
from tests.support.explanations import some_rows, write_explanations


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["entityclip", "report", *map(str, arguments)])
    try:
        main()
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


def test_a_page_over_explanations_as_the_pipeline_writes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "explanations"
    write_explanations(folder, some_rows(300))
    before = summarise(folder)
    assert _run(monkeypatch, folder) == 0
    printed = capsys.readouterr().out
    page = (folder / "_report.html").read_text(encoding="utf-8")  # a name that readers of datasets pass over
    assert f"report: {(folder / '_report.html').as_uri()}" in printed and "explanation_length.png" in printed
    assert "of 300 explanations are valid" in printed
    assert before is not None and before == summarise(folder)
    made = before.as_plain()
    for by_status in made["counts"].values():
        for status, rows in by_status.items():
            assert status in page and f"<td>{rows}</td>" in page

    assert _run(monkeypatch, tmp_path, "--out", tmp_path / "new" / "page.html", "--title", "a <b>title</b>") == 0
    page = (tmp_path / "new" / "page.html").read_text(encoding="utf-8")
    assert "<title>a &lt;b&gt;title&lt;/b&gt;</title>" in page
    assert (tmp_path / "new" / "page_plots" / "explanation_length.png").is_file()


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("nowhere", "is not a folder; give a run"),
        (".", "has neither a training run nor explanation shards"),
        ("s3://bucket/explanations", "reports can only read local folders, so copy the shards first"),
    ],
)
def test_what_cannot_be_shown_is_said(
    place: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _run(monkeypatch, place) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
