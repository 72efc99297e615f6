"""The command `doctor`. It is not a Prefect flow and writes nothing."""

import contextlib
import json
import sys
from typing import Annotated

import typer

from flows.cli.options import AsJson


def doctor(
    strict: Annotated[bool, typer.Option("--strict", help="Exit with code 1 if there are warnings.")] = False,
    as_json: AsJson = False,
) -> None:
    """Examine this machine and its software: what was found, what that allows, and how to fix it. Writes nothing."""
    from rich.console import Console

    from flows.doctor.examine import examine
    from flows.doctor.fact import DOCTOR_VERSION, exit_code, verdict
    from flows.doctor.show import show_fact, show_verdict

    console, facts = Console(file=sys.stdout), []
    with contextlib.redirect_stdout(sys.stderr):  # keeps the output of libraries out of the report
        for fact in examine(lambda text: print(text, file=sys.stderr, flush=True)):
            facts.append(fact)
            if not as_json:
                show_fact(fact, console)
    if as_json:
        report = {"doctor_version": DOCTOR_VERSION, "status": verdict(facts), "facts": [f._asdict() for f in facts]}
        print(json.dumps(report, indent=1))
    else:
        from flows.display.next_steps import show_next
        from flows.display.printing import show_lines

        show_verdict(facts, console)
        wrong = [f for status in ("error", "warning") for f in facts if f.status == status]
        show_lines(f"next: {wrong[0].remedy}") if wrong else show_next("demo")
    raise typer.Exit(exit_code(facts, strict=strict))
