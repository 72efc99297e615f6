"""A benchmark's `main` as the command line sees it."""

from collections.abc import Callable
from typing import Any

import typer


def command_of(main: Callable[..., Any]) -> typer.Typer:
    """An app whose one command it is."""
    app = typer.Typer()
    app.command()(main)
    return app
