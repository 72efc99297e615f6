"""Every command line of README and docs runs, in their order, on a small cut of the demo world."""

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
import yaml

from flows.cli.main import app, main
from flows.demo import run_demo
from flows.stages import PLAIN
from tests.docs.documented_commands import ELSEWHERE, ROOT, Line, elsewhere, lines
from tests.model.parity import load
from tests.support.site import served

# What pages leave open, and what makes a training short.
_FILLED_IN = {
    "MANIFEST": "data_manifests/heraldry.yaml",
    "SETTINGS.yaml": "data_manifests/heraldry/train.yaml",
    "SHARDS": "runs/heraldry/explanations",
    "OUT": "runs/imported",
}
_TINY = {"train": ["--set", "optim.steps=4", "--set", "optim.batch_size=8", "--set", "evaluation.every=2"]}


def _written_small(folder: Path) -> None:
    """Write the shipped manifest and settings again, for 8 houses and 8 steps."""
    manifest = yaml.safe_load((folder / "heraldry.yaml").read_text(encoding="utf-8"))
    manifest["dataset"]["world"] |= {"main_houses": 6, "rare_houses": 2, "test_per_house": 2, "val_per_house": 1}
    (folder / "heraldry.yaml").write_text(yaml.safe_dump(manifest))
    settings = yaml.safe_load((folder / "heraldry" / "train.yaml").read_text(encoding="utf-8"))
    settings["optim"] |= {"steps": 8, "batch_size": 8}
    settings["evaluation"]["every"] = 4
    (folder / "heraldry" / "train.yaml").write_text(yaml.safe_dump(settings))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder as it is after `make demo`, with the files that pages name."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "data_manifests", folder / "data_manifests")
    _written_small(folder / "data_manifests")
    (folder / ".venv").symlink_to(sys.prefix)
    runs = folder / "runs"
    manifest = folder / "data_manifests" / "heraldry.yaml"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_demo(PLAIN, out=runs / "heraldry", manifest=manifest, config=manifest.parent / "heraldry" / "train.yaml")
        shutil.copytree(runs / "heraldry" / "explanations", runs / "heraldry-vllm" / "explanations")
        shutil.copy(next((folder / "data").rglob("*.png")), folder / "some.png")
        answer = {"caption": "knights of fenmund thulhil", "raw": "the arms show a lion", "finish_reason": "stop"}
        (folder / "answers.jsonl").write_text(json.dumps(answer) + "\n", encoding="utf-8")
        reference = load(ROOT / "tests" / "data" / "reference" / "ete_202_d64_s303.safetensors")
        trained = {n.removeprefix("param/"): t for n, t in reference.tensors.items() if n.startswith("param/")}
        torch.save(trained, folder / "N24News_best_model_444_beta0.1.pt")
        yield folder


def _to_run() -> list[Line]:
    return [line for line in lines() if elsewhere(line) is None]


@pytest.mark.slow
@pytest.mark.parametrize("line", _to_run(), ids=lambda line: f"{line.page}: {line.text[:60]}")
def test_the_line_runs(line: Line, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    program, *words = line.words
    assert program == "entityclip", f"{line.page}: neither run nor explained: {line.text}"
    if ">" in words:
        words = words[: words.index(">")]
    words = [_FILLED_IN.get(word, word).replace("/tmp/", "") for word in words]
    words = [tempfile.mkdtemp(dir=project) + "/run" if word == "RUN" else word for word in words]
    if words[0] == "serve":
        location, *options = [word for word in words[1:] if word not in ("--port", "0")]
        options = [re.sub(r"=(.+)", lambda path: f"={project / path[1]}", word) for word in options]
        with served(project / location, *options):
            return
    monkeypatch.setattr(sys, "argv", ["entityclip", *words, *_TINY.get(words[0], [])])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code


PYTHON = [
    (page, code)
    for page in ("README.md", "docs/library.md")
    for code in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
]


@pytest.mark.slow
@pytest.mark.parametrize(("page", "code"), PYTHON, ids=[f"{page} {n}" for n, (page, _) in enumerate(PYTHON)])
def test_the_python_of_pages_runs(page: str, code: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    names: dict[str, Any] = {}
    exec(code, names)
    if page == "README.md":
        assert names["images"].shape == names["texts"].shape == (8, names["clip"].width)
        assert str(names["row"].explanation).startswith("the arms of house fenmund thulhil")


def test_each_exception_is_needed_and_names_a_test() -> None:
    found = [" ".join(line.words) for line in lines()]
    for pattern, where in ELSEWHERE.items():
        assert any(re.match(pattern, text) for text in found), pattern
        assert where.startswith("needs ") or (ROOT / where).is_file(), where


def _inline_commands() -> Iterator[tuple[str, str]]:
    """Commands in running text, and in messages and help of our own code."""
    files = [ROOT / name for name in ("README.md", "CONTRIBUTING.md")]
    files += [
        path for part in ("docs", "flows", "model", "pipeline", "entityclip") for path in (ROOT / part).rglob("*")
    ]
    for path in files:
        if path.suffix in (".md", ".py", ".html"):
            for command in re.findall(
                r"entityclip ((?:[a-z]+-)*[a-z]+(?: [^`\n\"';,]*)?)[`\n\"';,]", path.read_text("utf-8")
            ):
                yield path.relative_to(ROOT).as_posix(), command


def test_commands_in_text_and_messages_have_the_flags_that_they_name() -> None:
    group = typer.main.get_command(app)
    commands = group.commands  # type: ignore[attr-defined]
    seen = 0
    for page, text in _inline_commands():
        name, *rest = text.split()
        if name not in commands:
            continue
        seen += 1
        flags = {flag for option in commands[name].params for flag in option.opts + option.secondary_opts}
        named = re.findall(r"(?<![\w-])--[a-z][a-z-]*", " ".join(rest))
        assert set(named) <= flags | {"--help"}, f"{page}: entityclip {text}"
    assert seen > 100
