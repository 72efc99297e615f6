"""The `entityclip` command.

Exit codes: 0 = done (or training saved its state and stopped on SIGTERM), 1 = failed, 2 = error that the user can fix
(the message says how), 130 = interrupted, 143 = stopped by SIGTERM.
Each command imports only what it needs, because importing Prefect or torch takes seconds, and importing pyarrow or
pydantic takes a fraction of a second.
"""

import os
import sys
from typing import Annotated

import typer

from entityclip.contract.errors import presentable
from flows.cli.check import check, preview
from flows.cli.doctor import doctor
from flows.cli.experiments import demo, reproduce
from flows.cli.generation import generate, import_explanations, pack, reclean
from flows.cli.inspection import index, inspect, report, search, serve
from flows.cli.judge import judge
from flows.cli.maintenance import clear_stale_runs
from flows.cli.onboarding import init
from flows.cli.signals import stop_soon_on_signals
from flows.cli.training import evaluate, export, import_checkpoint, train
from flows.cli.verify import verify
from flows.display.waiting import show_waiting
from model.errors import ModelError, ProcessError
from pipeline.errors import PipelineError

_HELP = "Generate explanations of captions with an LLM, and train and evaluate CLIP with them. Start with the README."
_COMMANDS = (  # in the order of --help
    *(init, check, preview, generate, reclean, judge, import_explanations, pack),
    *(train, evaluate, import_checkpoint, export),
    *(inspect, verify, report, serve, index, search),
    *(doctor, clear_stale_runs, demo, reproduce),
)

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
for command in _COMMANDS:
    app.command()(command)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        print(f"entityclip {version('entityclip')}")
        raise typer.Exit


@app.callback(help=_HELP)
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None: ...


def main() -> None:
    """Run the command. An error that the user can fix is printed as a message without a traceback."""
    # The command prints its own messages; Prefect's log, including tracebacks, is still sent to the Prefect server.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_INTERNAL_LOGGING_LEVEL", "CRITICAL")
    stop_soon_on_signals()
    if "_ENTITYCLIP_COMPLETE" not in os.environ:  # a shell asks for completions of a half-typed line
        show_waiting()
    try:
        app()
    except (PipelineError, ModelError) as error:
        print(f"error: {presentable(error)}", file=sys.stderr)
        sys.exit(2)
    except (OSError, ProcessError) as error:  # such as a full disk; a re-run keeps finished work
        print(f"error: {presentable(error)}", file=sys.stderr)
        sys.exit(1)
