"""`entityclip inspect` as a person, a pipe and a program meet it."""

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from rich.console import Console

from flows.cli.main import main
from flows.display.rows import show_rows
from tests.support.explanations import HOSTILE, counted, some_rows, write_explanations


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["entityclip", "inspect", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        main()
    return int(exit_.value.code or 0)


def _is_harmless(text: str, width: int | None = 80) -> None:
    for line in text.split("\n"):
        assert line.isprintable() and line == line.rstrip()
        assert width is None or len(line) <= width


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    write_explanations(folder, some_rows(200))
    return folder


def test_the_summary_reads_well_in_a_pipe(
    output: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(output.parent)
    assert _run(monkeypatch, output.name) == 0
    shown = capsys.readouterr().out
    _is_harmless(shown)
    words = " ".join(shown.split())
    assert "200 rows in 9 shards" in words and "complete: 3 of 3 buckets finished" in words
    assert "model a/model" in words and "sampling max_tokens 160, temperature 0.0" in words
    assert "generated 2026-01-01 00:00:00 UTC to 2026-01-01 01:00:00 UTC" in words
    counts = counted(some_rows(200))
    row = [f"{counts[split]['truncated']:,}" for split in ("train", "val", "test")]
    assert f"truncated {' '.join(row)} {sum(map(int, row))}" in words


def test_hostile_texts_are_shown_and_do_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        replace(row, id=f"id{number} {text[:50]}", caption=text, explanation=text, topic=text, error=text, status="ok")
        for number, (row, text) in enumerate(zip(some_rows(len(HOSTILE)), HOSTILE, strict=True))
    ]
    write_explanations(tmp_path / "one", rows, model=HOSTILE[0], dataset=HOSTILE[3])
    write_explanations(tmp_path / "two", [replace(row, explanation="another") for row in rows], model=HOSTILE[1])
    monkeypatch.chdir(tmp_path)
    for arguments in (["--sample", 20], ["--id", rows[0].id], ["--diff", "two"], []):
        assert _run(monkeypatch, "one", *arguments) == 0
        shown = capsys.readouterr().out
        _is_harmless(shown)
        if arguments == ["--sample", 20]:
            together = "".join(line.strip() for line in shown.split("\n"))
            assert r"\x1b[31mred\x1b[0m" in shown and r"\u202egnp.exe" in together and r"\x00" in shown
            assert "[bold]markup[/bold]" in shown and r"line\nbreaks\r\nand\ttabs" in together
            assert "(100,000 characters)" in together and len(shown) < 60_000
    assert _run(monkeypatch, "one", "--json", "--sample", 20) == 0
    printed = capsys.readouterr()
    assert printed.out.isascii() and all(line.isprintable() for line in printed.out.split("\n"))
    assert {row["caption"] for row in json.loads(printed.out)["samples"]} == set(HOSTILE)
    assert _run(monkeypatch, "one", "--where", "\x1b[31m\n\u202e") == 2
    _is_harmless(capsys.readouterr().err, width=None)


def test_a_terminal_gets_colours_and_no_other_escapes() -> None:
    row = asdict(some_rows(1)[0]) | {"image": {"path": "0.png", "bytes": b"123"}, "caption": "".join(HOSTILE[:5])}
    colours = {"force_terminal": True, "color_system": "standard"}  # whatever the real terminal can do
    console = Console(**colours, width=80, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        show_rows(console, [row], whole=False)
    without_colours = re.sub(r"\x1b\[[0-9;]*m", "", captured.get())
    assert without_colours != captured.get() and all(line.isprintable() for line in without_colours.split("\n"))


def test_json_is_all_that_is_on_stdout(output: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "flows.cli",
        "inspect",
        str(output),
        "--json",
        "--where",
        "status = 'truncated'",
    ]
    command += ["--export", "csv", "--out", str(tmp_path / "rows.csv")]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "FORCE_COLOR": "1"}, check=True)
    found = json.loads(done.stdout)
    rows = some_rows(200)
    truncated = [row for row in rows if row.status == "truncated"]
    assert found["counts"] == counted(rows) and found["matching"] == counted(truncated)
    assert found["exported_rows"] == len(truncated) and (tmp_path / "rows.csv").is_file()
    assert set(found) == {
        *("inspect_version", "kind", "location", "state", "schema_versions", "rows", "shards", "bytes", "counts"),
        *("finish_reasons", "completion_tokens", "clip_tokens", "provenance", "buckets", "missing_shards"),
        *("unlisted_shards", "half_written", "writers", "damaged", "notes", "matching", "exported_rows"),
    }


def test_damage_is_exit_code_1_and_the_rest_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_explanations(tmp_path / "out", some_rows(100))
    shard = sorted((tmp_path / "out").rglob("*.parquet"))[0]
    shard.write_bytes(shard.read_bytes()[:100])
    monkeypatch.chdir(tmp_path)
    for arguments in ([], ["--sample", 3], ["--where", "status = 'ok'"], ["--export", "jsonl", "--out", "rows.jsonl"]):
        assert _run(monkeypatch, "out", *arguments) == 1
        shown = capsys.readouterr().out
        _is_harmless(shown)
        assert f"damaged file {shard.relative_to(tmp_path / 'out')}" in shown and "in 8 shards" in shown
    assert (tmp_path / "rows.jsonl").read_text(encoding="utf-8").count("\n") > 50


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no such file or folder"),
        (["empty"], "empty has neither explanations"),
        (["out", "--where", "statsu = 'ok'"], '"statsu" not found'),
        (["out", "--id", "nobody"], "has no row with the id nobody"),
        (["out", "--export", "csv"], "requires --out with the path"),
        (["out", "--out", "x.csv"], "requires --export"),
        (["out", "--diff", "empty"], "contains no explanations"),
        (["out", "--diff", "out", "--id", "p0001"], "--diff cannot be combined with"),
        (["run", "--sample", "3"], "is a training run"),
        (["s3://user:secret@bucket/x"], "contains credentials"),
    ],
)
def test_a_users_mistake_is_a_message(
    arguments: list[str],
    message: str,
    output: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("out").symlink_to(output)
    Path("run").mkdir()
    Path("run/train.json").write_text("{}", encoding="utf-8")
    assert _run(monkeypatch, *arguments) == 2
    printed = capsys.readouterr()
    assert message in printed.err and "Traceback" not in printed.err and not printed.out
    assert "secret" not in printed.err


def test_a_folder_of_explanations_and_runs(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "explanations").symlink_to(output)
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "train.json").write_text("{}", encoding="utf-8")
    (tmp_path / "plain" / "settings.yaml").write_text("method: [", encoding="utf-8")
    assert _run(monkeypatch, tmp_path, "--json") == 1  # the settings are no YAML
    parts = json.loads(capsys.readouterr().out)["parts"]
    assert [part["kind"] for part in parts] == ["explanations", "training run"]
    assert parts[1]["damaged"][0]["file"] == "settings.yaml"
    assert _run(monkeypatch, tmp_path) == 1
    shown = capsys.readouterr().out
    assert "200 rows in 9 shards" in shown and "damaged file settings.yaml" in shown
    assert _run(monkeypatch, tmp_path, "--sample", 2, "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["samples"]) == 2


@pytest.mark.slow
def test_it_imports_neither_torch_nor_prefect(output: Path) -> None:
    program = (
        "import sys\nfrom flows.cli.main import app\n"
        f"try: app(['inspect', {str(output)!r}, '--sample', '1'])\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'prefect', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
