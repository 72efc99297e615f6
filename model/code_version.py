"""Version information about the running code: package versions and, in a git checkout, the commit."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

_ROOT = Path(__file__).resolve().parents[1]


def code_version() -> dict[str, Any]:
    """Return version information; its "git" entry is None for an installed package, or if git is unavailable."""
    return {
        "entityclip": version("entityclip"),
        "git": git_state(_ROOT),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "open_clip": version("open_clip_torch"),
    }


def git_state(root: Path) -> dict[str, Any] | None:
    """Return `commit` and `dirty` (tracked files have changes), or None if `root` is not the top of a git work tree.

    A subfolder of a work tree does not count: if the package is installed in a virtual environment inside another
    repository, that repository's commit says nothing about our code.
    """
    top = _git(root, "rev-parse", "--show-toplevel")
    if not top or Path(top).resolve() != root.resolve():
        return None
    commit, changes = _git(root, "rev-parse", "HEAD"), _git(root, "status", "--porcelain", "--untracked-files=no")
    if not commit or changes is None:
        return None
    return {"commit": commit, "dirty": bool(changes)}


def _git(root: Path, *arguments: str) -> str | None:
    """Run git, ignoring GIT_* variables (they may name another repository); return its output, or None on failure."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(root), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
