import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from model.code_version import code_version, git_state

GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]


def test_versions_are_those_of_what_runs() -> None:
    found = code_version()
    assert (found["torch"], found["open_clip"]) == (torch.__version__, version("open_clip_torch"))
    assert set(found) == {"entityclip", "git", "python", "torch", "open_clip"}


def test_a_checkout_says_its_commit_and_whether_it_was_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = tmp_path / "repository"
    installed = repository / ".venv" / "site-packages"
    installed.mkdir(parents=True)
    assert git_state(repository) is None
    (repository / "code.py").write_text("one")
    for command in (["init", "-q"], ["add", "code.py"], ["commit", "-qm", "first"]):
        subprocess.run([*GIT, "-C", repository, *command], check=True)
    head = subprocess.run([*GIT, "-C", repository, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))  # as inside a hook of another repository
    commit = head.stdout.strip()
    assert git_state(repository) == {"commit": commit, "dirty": False}
    (repository / "code.py").write_text("two")
    assert git_state(repository) == {"commit": commit, "dirty": True}
    assert git_state(installed) is None  # somebody else's repository
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(repository) is None  # no git at all
