"""`entityclip import-checkpoint` as a person meets it."""

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from flows.cli.main import main

RECORDED = Path(__file__).parents[2] / "data" / "reference" / "ete_202_d64_s303.safetensors"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["entityclip", "import-checkpoint", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        main()
    return int(exit_.value.code or 0)


def test_it_says_what_it_did_and_refuses_to_do_it_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded = load_file(RECORDED)
    trained = {n.removeprefix("param/"): t.half() for n, t in recorded.items() if n.startswith("param/")}
    torch.save({"state_dict": trained}, tmp_path / "authors.pt")
    assert run(monkeypatch, tmp_path / "authors.pt", tmp_path / "run") == 0
    out = capsys.readouterr().out
    assert "converted from float16" in out and "2/0/2" in out and f"local-dir:{tmp_path / 'run' / 'clip'}" in out
    assert (tmp_path / "run" / "checkpoint" / "checkpoint.json").is_file()
    assert run(monkeypatch, tmp_path / "authors.pt", tmp_path / "run") == 2
    assert capsys.readouterr().err.startswith("error: ")
