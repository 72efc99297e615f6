"""`entityclip check` as a person and as a script meet it."""

import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from rich.console import Console

from flows.cli.main import main
from flows.display.check import show_check
from flows.display.next_steps import command_line
from pipeline.checking.check import CheckOptions, check_manifest
from pipeline.checking.report import CheckReport, Code, Example, Finding, Sample
from pipeline.generation.redo import parse_redo
from pipeline.job import open_job
from tests.model.tiny_clip import make_tiny_clip
from tests.support.dataset import save_records, write_manifest, write_pairs
from tests.support.faults import write_faulty
from tests.support.generation import generate
from tests.support.scripted_engine import ScriptedEngine

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process, 80 columns wide: exit code and what it printed."""

    def run_(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["entityclip", "check", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "80")
        with pytest.raises(SystemExit) as exit_:
            main()
        return int(exit_.value.code or 0), capsys.readouterr().out

    return run_


def test_it_shows_data_prompts_and_plan_and_writes_nothing(tmp_path: Path, tiny_llama: Path, run: Run) -> None:
    records = write_pairs(tmp_path, 9)
    (tmp_path / "images" / "4.png").unlink()
    manifest = write_manifest(tmp_path, tiny_llama)
    before = sorted(tmp_path.rglob("*"))
    code, out = run(manifest)
    assert code == 0
    *shown, advice = out.splitlines()
    assert max(map(len, shown)) <= 80 and advice == f"next: {command_line('generate', manifest)}"
    said = " ".join(out.split())
    assert "train 6 6 6 0 test 3 3 3 0" in said
    assert "9 of 9 images decoded in 0." in said
    assert "2 shards per split; the plan takes 0." in said
    assert "to generate: 8 (including 0 to redo); existing: 0; rows without an explanation: 1; pending: 0" in said
    assert "missing images (of 9 checked): 1 [missing_images] train p4 (row 4): 4.png: no such image" in said
    assert f"caption : {records[0]['caption']} ." in said
    assert re.search(r"8 prompts took \d+\.\d s: [\d,.]+ rows/s, .* all 8 prompts at this rate: 0:00:\d\d", said)
    assert "2 warnings (seconds:" in said  # the other: there is no split val
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
def test_training_is_estimated_with_the_settings_that_belong_to_the_manifest(
    tmp_path: Path, tiny_llama: Path, run: Run
) -> None:
    write_pairs(tmp_path, 9)
    manifest = write_manifest(tmp_path, tiny_llama)
    towers = make_tiny_clip(tmp_path / "clip")
    settings = tmp_path / "train.yaml"
    settings.write_text(
        f"towers: {{model: 'local-dir:{towers}'}}\ndata: {{explanations: out}}\noptim: {{batch_size: 2, epochs: 4}}\n"
    )
    code, out = run(manifest)
    said = " ".join(out.split())  # a long path is broken anywhere
    assert code == 0
    assert re.search(r"training with .* 12 steps of 2 pairs on \w+: 0:00:\d\d, of which 0:00:0", said)
    assert re.search(r"[\d.]+ [GM]iB of memory, and [\d.]+ MiB of disk in the run folder", said)
    assert "MiB for its weights, as stored" in said
    assert "training with" not in run(manifest, "--probe", 0)[1]
    settings.write_text(settings.read_text().replace(str(towers), "nowhere"))
    code, out = run(manifest, "--strict")
    assert (code, "[cannot_try_training]" in out) == (1, True)


def test_exit_codes(tmp_path: Path, tiny_llama: Path, run: Run) -> None:
    records = write_pairs(tmp_path, 9)
    manifest = write_manifest(tmp_path, tiny_llama)
    assert run(manifest, "--probe", 0)[0] == 0  # a warning: no split val
    assert run(manifest, "--probe", 0, "--strict")[0] == 1
    save_records(tmp_path, [record | {"split": ("train", "val", "test")[i % 3]} for i, record in enumerate(records)])
    code, out = run(manifest, "--probe", 0, "--strict")
    assert (code, "no problems" in out.splitlines()[-2]) == (0, True)
    save_records(tmp_path, [*records, records[0]])
    code, out = run(manifest)
    assert code == 2
    assert "pairs whose id occurs in an earlier pair of the same split: 1 [repeated_ids]" in " ".join(out.split())
    assert "prompts took" not in out  # the engine is left alone where a run could not start


def test_json_is_the_report(tmp_path: Path, tiny_llama: Path, run: Run) -> None:
    write_faulty(tmp_path / "data", 200)
    manifest = write_manifest(tmp_path / "data", tiny_llama)
    code, out = run(manifest, "--json", "--languages", "--full")
    assert code == 2
    report = CheckReport.model_validate_json(out)
    other = check_manifest(manifest, CheckOptions(languages=True, full=True))
    assert report.model_copy(update={"seconds": {}}) == other.model_copy(update={"seconds": {}})


def test_json_is_all_there_is_on_stdout(
    tmp_path: Path, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """With an engine that is really loaded, whatever its libraries write past Python's own stdout."""
    write_pairs(tmp_path, 9)
    manifest = write_manifest(tmp_path, tiny_llama)
    monkeypatch.setattr(sys, "argv", ["entityclip", "check", str(manifest), "--json"])
    with pytest.raises(SystemExit, match="0"):
        main()
    estimate = CheckReport.model_validate_json(capfd.readouterr().out).estimate
    assert estimate is not None
    assert (estimate.prompts, estimate.errors) == (9, 0)


def test_json_of_a_manifest_that_cannot_be_read(tmp_path: Path, run: Run) -> None:
    (tmp_path / "bad.yaml").write_text("name: [")
    code, out = run(tmp_path / "bad.yaml", "--json")
    assert code == 2
    (finding,) = json.loads(out)["findings"]
    assert finding["code"] == "cannot_load"
    assert "not valid YAML" in finding["what"]


def test_a_message_that_says_how_to_mend_it_is_not_followed_by_a_line_that_says_so(tmp_path: Path, run: Run) -> None:
    write_pairs(tmp_path, 3)
    manifest = write_manifest(tmp_path, Path("nobody/nothing"))
    (tmp_path / "images").rename(tmp_path / "pictures")
    code, out = run(manifest)
    assert code == 2
    assert "[cannot_read]" in out and "fix:" not in out


def test_what_the_data_holds_does_not_steer_the_terminal() -> None:
    hostile = "[red]ba[/red] \x1b[31m\u202e\r [/nothing]"
    lengths = {"row": 0, "clip_tokens": 3, "prompt_tokens": None}
    sample = Sample(split="train", id=hostile, image=hostile, caption=hostile, topic=hostile, **lengths)
    example = Example(row=0, split="train", id=hostile, detail=hostile)
    finding = Finding(code="cannot_read", severity="error", count=1, what=hostile, mend="x", examples=[example])
    report = CheckReport(
        manifest="x", dataset="x", status="error", reading=[hostile], samples=[sample], findings=[finding]
    )
    out = io.StringIO()
    show_check(report, Console(file=out, width=200, force_terminal=False))
    assert out.getvalue().count("[red]ba[/red] \\x1b[31m\\u202e\\r [/nothing]") == 8
    assert not {"\x1b", "\u202e", "\r"} & set(out.getvalue())


def test_it_counts_what_would_be_reused_redone_and_left(tmp_path: Path, tiny_llama: Path) -> None:
    write_pairs(tmp_path, 9)
    manifest = write_manifest(tmp_path, tiny_llama)
    generate(open_job(manifest), ScriptedEngine(), limit=5)
    work = check_manifest(manifest, CheckOptions(limit=7, redo=parse_redo("ok", None))).work
    assert work is not None
    assert (work.to_generate, work.redone, work.reused, work.pending) == (7, 5, 0, 2)
    report = check_manifest(manifest)
    assert report.work is not None
    assert (report.work.to_generate, report.work.redone, report.work.reused, report.work.pending) == (4, 0, 5, 0)
    assert report.estimate is None
    assert report.prompt_tokens is not None
    assert report.prompt_tokens.texts == 9  # those that were sent have their lengths in the shards


def test_the_docs_name_every_field_and_finding() -> None:
    docs = (Path(__file__).parents[3] / "docs" / "check.md").read_text(encoding="utf-8")
    schema = CheckReport.model_json_schema()
    fields = {name for part in (schema, *schema["$defs"].values()) for name in part.get("properties", {})}
    missing = (fields | set(get_args(Code))) - set(re.findall(r"`(\w+)`", docs))
    assert missing == {"role", "content"}  # of a chat's messages


def test_an_option_without_effect_is_not_offered(run: Run) -> None:
    code, out = run("--help")
    assert code == 0 and "--full" in out and "--pictures" not in out
