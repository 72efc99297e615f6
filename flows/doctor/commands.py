"""Builds the shell commands that are suggested as remedies."""

import shlex
import sys
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import entityclip

FOLDER = Path(entityclip.__file__).resolve().parents[1]  # the checkout, or site-packages
IS_CHECKOUT = (FOLDER / "pyproject.toml").is_file()
INSTALL_US = (
    shlex.join([sys.executable, "-m", "pip", "install", "-c", str(FOLDER / "constraints.txt"), "-e", str(FOLDER)])
    if IS_CHECKOUT
    else "install the entityclip wheel with pip"
)


def pip_install(*words: str) -> str:
    """Return the command that installs packages for this Python; in a checkout, it applies constraints.txt."""
    constraints = ["-c", str(FOLDER / "constraints.txt")] if IS_CHECKOUT else []
    return shlex.join([sys.executable, "-m", "pip", "install", *constraints, *words])


def requirement(name: str) -> str:
    """Return entityclip's requirement for a package, such as `torch<2.14,>=2.13`, or just the name if there is none."""
    from packaging.requirements import Requirement

    try:
        return next((text for text in requires("entityclip") or [] if Requirement(text).name == name), name)
    except PackageNotFoundError:
        return name


def make(target: str) -> str:
    """Return the command that runs a target of the checkout's Makefile from the working directory."""
    return f"make {target}" if Path.cwd() == FOLDER else f"make -C {shlex.quote(str(FOLDER))} {target}"
