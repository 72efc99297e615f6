"""`entityclip preview` as a person and as a script meet it."""

import io
import json
import re
import sys
from base64 import b64decode
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from entityclip.contract.status import Status
from flows.cli.main import main
from flows.display.next_steps import command_line
from flows.display.preview import show_preview
from pipeline.checking.preview import Preview, preview
from pipeline.generation.explain import Explained
from pipeline.job import open_job
from pipeline.shards.shard import Row
from tests.support.dataset import save_records, write_manifest, write_pairs

Run = Callable[..., tuple[int, str]]
_TERMINAL = ("KITTY_WINDOW_ID", "TERM", "TERM_PROGRAM", "TMUX", "COLORTERM")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process, 80 columns wide: exit code and what it printed, also past Python's stdout."""

    def run_(*arguments: object, out: io.StringIO | None = None) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["entityclip", "preview", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "80")
        with pytest.raises(SystemExit) as exit_, monkeypatch.context() as patch:
            if out is not None:
                patch.setattr(sys, "stdout", out)
            main()
        return int(exit_.value.code or 0), capfd.readouterr().out

    return run_


@pytest.fixture
def manifest(tmp_path: Path, tiny_llama: Path) -> Path:
    """Of six pairs of one split: one without an image, one without a caption, one that is too long, three good ones."""
    records = [record | {"split": "train"} for record in write_pairs(tmp_path, 6)]
    (tmp_path / "images" / "3.png").unlink()
    records[4]["caption"] = ""
    records[5]["caption"] = "ba " * 100
    save_records(tmp_path, records)
    return write_manifest(tmp_path, tiny_llama)


def test_it_shows_each_row_with_its_answer_and_what_its_status_means(manifest: Path, run: Run) -> None:
    before = sorted(manifest.parent.rglob("*"))
    code, out = run(manifest, "--rows", 6, "--prompt")
    assert code == 0
    assert "\x1b" not in out  # no picture, no colour: this is no terminal
    said = " ".join(out.split())
    found = preview(open_job(manifest), 6)
    assert [row.id for row in found.explained.rows] == re.findall(r"^(p\d)  train  \w+$", out, re.MULTILINE)
    for row in found.explained.rows:
        assert row.status == "ok" or f"{row.status} {Status(row.status).meaning}" in said
        assert row.explanation is None or f"answer {row.explanation}" in said
        assert row.error is None or f"reason {row.error}" in said
        link = (manifest.parent / "images" / row.image).as_uri()
        assert (link in out.splitlines()) == (row.id != "p3")
        if row.raw_text is not None:
            (message,) = found.explained.prompts[row.key][-1:]
            assert " ".join(f"user: {message['content']} caption {row.caption}".split()) in said
            assert f"{row.prompt_tokens} prompt, {row.completion_tokens} LLM, " in said
            assert f"; ended by {row.finish_reason}" in said
    assert said.count("user: ") == 3
    assert "6 of 6 pairs" in said and "1 empty_caption 1 too_long 1 bad_image" in said
    assert re.search(r"transformers \S+: 3 answers in \d+\.\d s; .* all 6 pairs at this rate: \d+ s\.", said)
    check, generate = command_line("check", manifest), command_line("generate", manifest)
    assert out.splitlines()[-2:] == [f"next: {check}", f"then: {generate}"]
    assert sorted(manifest.parent.rglob("*")) == before


def test_json_is_all_there_is_on_stdout(manifest: Path, run: Run) -> None:
    code, out = run(manifest, "--rows", 6, "--json", "--prompt", "--engine", "transformers")
    assert code == 0
    found, expected = json.loads(out), preview(open_job(manifest), 6).explained
    assert found["statuses"].items() >= {"empty_caption": 1, "too_long": 1, "bad_image": 1}.items()
    assert (found["version"], found["pairs"], found["sent"], found["engine"]) == (1, {"train": 6}, 3, expected.engine)
    for row, other in zip(found["rows"], expected.rows, strict=True):
        assert row.items() >= asdict(other).items()
        assert row["meaning"] == Status(other.status).meaning
        assert row["prompt"] == expected.prompts.get(other.key)
        assert (row["image_url"] is None) == (other.status == "bad_image")
    assert "prompt" not in json.loads(run(manifest, "--rows", 1, "--json")[1])["rows"][0]


def test_pictures_are_drawn_in_a_terminal_only(manifest: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _TERMINAL:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM_PROGRAM", "iTerm.app")
    assert "\x1b" not in run(manifest)[1]
    terminal = _Terminal()
    assert run(manifest, "--rows", 6, out=terminal) == (0, "")
    pngs = [b64decode(png) for png in re.findall(r"\x1b\]1337;File=[^:]*:([^\x07]*)\x07\n", terminal.getvalue())]
    colours = [Image.open(io.BytesIO(png)).getpixel((0, 0)) for png in pngs]
    shown = [row for row in preview(open_job(manifest), 6).explained.rows if row.id != "p3"]
    assert colours == [(int(row.id[1:]), 0, 0) for row in shown]  # each its own, as `write_pairs` paints them


def test_what_data_and_llm_say_does_not_steer_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = "[red]ba[/red] \x1b]1337;File=inline=1:AAAA\x07\x1b_Ga=T;AAAA\x1b\\\u202e\r"
    row = Row(hostile, "train", "x.png", hostile, hostile, "ok", "k", 0, "m", "r", hostile, hostile + "!", hostile)
    outside = replace(row, image="../" + hostile, finish_reason=hostile, prompt_tokens=1)
    broken = replace(row, image=hostile)
    Image.new("RGB", (4, 4)).save(tmp_path / "x.png")
    (tmp_path / hostile.replace("/", "")).write_bytes(b"no image")
    broken = replace(row, image=hostile.replace("/", ""))
    prompts = {"k": [{"role": "user", "content": hostile}]}
    found = Preview([hostile], {hostile: 3}, Explained([row, outside, broken], prompts, hostile, 1.0, 1.0))
    out = io.StringIO()
    show_preview(found, tmp_path, Console(file=out, width=200), prompts=True)
    assert not {"\x1b", "\x07", "\u202e", "\r"} & set(out.getvalue())
    assert out.getvalue().count("[red]ba[/red]") >= 3 * 5
    for name in _TERMINAL:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KITTY_WINDOW_ID", "1")
    terminal = _Terminal()
    show_preview(found, tmp_path, Console(file=terminal, width=200, no_color=True), prompts=True)
    drawn = re.findall(r"\x1b_G[^\x1b]*\x1b\\", terminal.getvalue())
    assert len(drawn) == 1 and "a=T,f=100" in drawn[0]  # ours, of the one good image
    assert not {"\x07", "\u202e", "\r"} & set(terminal.getvalue())
    assert terminal.getvalue().count("no picture: ") == 2


def test_the_docs_name_every_field(manifest: Path, run: Run) -> None:
    docs = (Path(__file__).parents[3] / "docs" / "check.md").read_text(encoding="utf-8").partition("## Preview")[2]
    found = json.loads(run(manifest, "--rows", 1, "--json", "--prompt")[1])
    assert {*found, *found["rows"][0]} - set(re.findall(r"`(\w+)`", docs)) == set()


def test_mistakes(manifest: Path, run: Run) -> None:
    assert run(manifest, "--split", "val") == (2, "")
    assert run(manifest, "--rows", 0)[0] == 2
