"""What people call, write and have registered still works, or answers with its new name.

tests/data/public_surface.json is the list, recorded at commit 8fdae99; `tests.record_public_surface` says how it is
made and what is in it.
"""

import os
import re
import signal
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from entityclip.contract.moved_modules import MOVED as MOVED_MODULES
from tests.record_public_surface import (
    ROOT,
    Section,
    load_flow,
    main_command,
    named_entrypoints,
    named_functions,
    named_modules,
    recorded,
    surface,
)

RECORDED = recorded()
MOVED: dict[str, dict[str, str]] = RECORDED["moved"]
SECTIONS = [name for name in RECORDED if name not in ("moved", "flows")]


def _gone(before: Section, now: Section) -> list[str]:
    """What those who use `before` lose, in words."""
    lost = [f"{group} is gone" for group in before if group not in now]
    for group in before.keys() & now.keys():
        lost += [f"{group}: {name} is gone" for name in before[group] if name not in now[group]]
        lost += [
            f"{group}: {name} is new and must be given"
            for name, about in now[group].items()
            if name not in before[group] and about.get("required")
        ]
        for name in before[group].keys() & now[group].keys():
            lost += [f"{group}: {name}: {what}" for what in _changed(before[group][name], now[group][name])]
    return sorted(lost)


def _changed(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    lost = []
    for key, old in before.items():
        new = now.get(key)
        if key == "choices" and (without := [one for one in old if new is not None and one not in new]):
            lost.append(f"does not take {', '.join(without)} any more")
        elif key == "required" and new and not old:
            lost.append("must be given now")
        elif key not in ("choices", "required") and old != new:
            lost.append(f"{key} was {old!r}, is {new!r}")
    return lost


@pytest.fixture(scope="module")
def now() -> dict[str, Section]:
    return surface()


@pytest.mark.parametrize("section", SECTIONS)
def test_what_was_there_is_there_with_the_same_defaults(section: str, now: dict[str, Section]) -> None:
    lost = _gone(RECORDED[section], now[section])
    assert not lost, f"people use these {section}, as tests/data/public_surface.json has them:\n" + "\n".join(lost)


def test_a_removal_a_changed_default_and_a_new_duty_are_seen() -> None:
    before = {"check": {"--limit": {"default": 1, "required": False}, "--full": {"choices": ["a", "b"]}}, "train": {}}
    now = {"check": {"--limit": {"default": 2, "required": True}, "--must": {"required": True}, "--may": {}}}
    assert _gone(before, now) == [
        "check: --full is gone",
        "check: --limit: default was 1, is 2",
        "check: --limit: must be given now",
        "check: --must is new and must be given",
        "train is gone",
    ]
    assert _changed({"choices": ["a", "b"]}, {"choices": ["b", "c"]}) == ["does not take a any more"]
    assert not _gone(before, {**before, "new": {"x": {"required": True}}})


def test_what_the_documents_name_today_is_in_the_list_under_its_old_or_new_name() -> None:
    """A name that only today's documents have is recorded with `python -m tests.record_public_surface`."""
    for kind, named in (("modules", named_modules()), ("functions", named_functions())):
        assert set(named) <= {*MOVED[kind], *MOVED[kind].values()}
    assert named_entrypoints().keys() <= {*MOVED["entrypoints"], *MOVED["entrypoints"].values()}


@pytest.mark.parametrize(("old", "new"), MOVED["modules"].items())
def test_modules_run_where_they_were_or_say_where_they_are(old: str, new: str, now: dict[str, Section]) -> None:
    found = import_module(new)
    program = find_spec(f"{new}.__main__") if hasattr(found, "__path__") else found.__spec__
    assert program is not None and program.origin is not None, f"{new} cannot be run with -m"
    assert program.name.endswith(".__main__") or '__name__ == "__main__"' in Path(program.origin).read_text()
    if old != new:
        said = subprocess.run([sys.executable, "-m", old], cwd=ROOT, capture_output=True, text=True, check=False)
        moved = next(package for package in (new, new.rpartition(".")[0]) if package in MOVED_MODULES.values())
        assert said.returncode != 0 and f"is now {moved}" in said.stderr, f"{old} does not say that it is {new} now"


def _call(name: str) -> Any:
    """As Prefect calls a pull step."""
    from prefect.utilities.importtools import import_object

    return import_object(name)()


@pytest.mark.parametrize(("old", "new"), MOVED["functions"].items())
def test_pull_steps_enter_the_project(old: str, new: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert _call(new) == {"directory": str(ROOT)}
    assert Path.cwd() == ROOT
    if old != new:
        with pytest.raises(Exception, match=re.escape(new)):
            _call(old)


@pytest.mark.parametrize(("old", "new"), MOVED["entrypoints"].items())
def test_entrypoints_of_registered_deployments(old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect itself answers for a file that is gone, before any line of ours: docs/prefect.md says what to do then."""
    monkeypatch.chdir(ROOT)
    assert load_flow(new).name == RECORDED["flows"][old]
    if old != new:
        page = (ROOT / "docs" / "prefect.md").read_text(encoding="utf-8")
        assert old.partition(":")[0] in page and new.partition(":")[0] in page


def _exit_code(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["entityclip", *map(str, arguments)])
    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit) as end:
            main_command()()
    finally:
        signal.signal(signal.SIGINT, before)
    return int(end.value.code or 0)


def test_exit_codes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert _exit_code(monkeypatch, "--help") == 0
    assert _exit_code(monkeypatch, "generate", "none.yaml") == 2
    assert capsys.readouterr().err.startswith("error: no manifest at none.yaml")
    assert _exit_code(monkeypatch, "generate", "--no-such-option") == 2
    (tmp_path / "explanations.parquet").write_bytes(b"PAR1 and nothing else")
    assert _exit_code(monkeypatch, "inspect", "explanations.parquet") == 1


def test_exit_code_of_an_interrupt(tmp_path: Path) -> None:
    """Ctrl-C, while the command waits for its file of settings: a pipe into which nobody writes."""
    settings = tmp_path / "train.yaml"
    os.mkfifo(settings)
    command = [Path(sys.executable).with_name("entityclip"), "train", settings, "--out", tmp_path / "run"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    with settings.open("w"):  # returns when the command reads
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in said and "Traceback" not in said
