"""What files, models and servers say does not move the cursor, set colours, or hide text."""

import io

import pytest
from rich.console import Console

from entityclip.contract.errors import ContractError
from flows.cli import main
from flows.display import printing, retrieval
from model.errors import ModelError, ProcessError
from model.search.search import Hit
from pipeline.errors import PipelineError

HOSTILE = "a\x1b[31mred\x9b2J\x07\u202egnp\r[bold]x[/bold]\u200b\x00"
CONTROLS = {"\x1b", "\x9b", "\x07", "\u202e", "\r", "\u200b", "\x00"}


@pytest.mark.parametrize("kind", [PipelineError, ModelError, ProcessError, ContractError])
def test_an_error_escapes_what_it_repeats_and_keeps_its_lines(kind: type[Exception]) -> None:
    """Also in Prefect's logs and in tracebacks, which no command prints itself."""
    for text in (str(kind(f"{HOSTILE}\nsecond")), repr(kind(HOSTILE))):
        assert not CONTROLS & set(text)
    assert str(kind(f"{HOSTILE}\nsecond")).split("\n")[1] == "second"
    assert str(kind("é 日本 - plain")) == "é 日本 - plain" and str(kind()) == ""


def test_an_error_of_the_system_is_escaped_by_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise OSError(f"cannot read {HOSTILE}")

    monkeypatch.setattr(main, "app", fail)
    monkeypatch.setattr(main, "show_waiting", lambda: None)
    with pytest.raises(SystemExit):
        main.main()
    assert "\\x1b[31mred" in (said := capsys.readouterr().err) and not CONTROLS & set(said)


def test_search_results_and_lines_are_escaped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = io.StringIO()
    for module in (printing, retrieval):
        monkeypatch.setattr(module, "console", Console(file=out, width=200, force_terminal=False))
    hit = Hit(rank=1, score=0.5, id=HOSTILE, image=HOSTILE, captions=[HOSTILE])
    retrieval.show_found([HOSTILE], [[hit]], as_json=False)
    printing.show_lines(f"{HOSTILE}\nsecond")
    printing.say(printing.console, HOSTILE)
    printing.fields(printing.console, [("caption", HOSTILE)])
    shown = out.getvalue()
    assert not CONTROLS & set(shown)
    assert shown.count("[bold]x[/bold]") == 6 and "\nsecond\n" in shown
    retrieval.show_found([HOSTILE], [[hit]], as_json=True)
    assert not CONTROLS & set(capsys.readouterr().out)


def test_lines_of_a_run_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    from model.tracking.progress import Progress
    from pipeline.generation.mend import say

    say(HOSTILE)
    Progress.say(None, HOSTILE)  # type: ignore[arg-type] - needs nothing of a progress
    said = capsys.readouterr().err
    assert said.count("\\x1b[31m") == 2 and not CONTROLS - {"\r"} & set(said)
