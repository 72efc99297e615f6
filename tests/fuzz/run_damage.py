"""Feeds damaged files of our own, and lying containers, to their readers: `python -m tests.fuzz.run_damage --help`."""

import argparse
import contextlib
import io
import json
import os
import resource
import sys
from pathlib import Path

from tests.fuzz.limits import Case, run_cases

MEMORY = 4 * 2**30  # of addresses, beyond those at the start


def kinds_of(part: str, folder: Path, model: Path | None) -> dict[str, Case]:
    """Return the cases of a part; what they need is made in the folder."""
    if part == "output":
        from tests.fuzz.own_output import Output
        from tests.support.tiny_llama import make_tiny_llama

        return Output(folder, model or make_tiny_llama(folder / "llama")).kinds()
    if part == "run":
        from tests.fuzz.own_run import Run

        return Run(folder).kinds()
    from tests.fuzz.containers import kinds

    return kinds(folder)


def main() -> int:
    """Run the cases and print what became of them; return 1 if there were faults."""
    parser = argparse.ArgumentParser(description="Feed damaged files to everything that reads them.")
    parser.add_argument("part", choices=("output", "run", "containers"))
    parser.add_argument("--cases", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="the number of one case")
    parser.add_argument("--folder", type=Path, required=True, help="a folder that is not there yet")
    options = parser.parse_args()
    options.folder.mkdir(parents=True)
    setattr(os, "fsync", lambda _handle: None)  # noqa: B010 - no case is about a power failure, and half of the time would go there
    with contextlib.redirect_stderr(io.StringIO()):
        kinds = kinds_of(options.part, options.folder, None)
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        start = pages * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (start + MEMORY, resource.RLIM_INFINITY))
        found = run_cases(kinds, options.cases, options.seed, options.only)
    print(json.dumps(found, indent=1))
    return int(bool(found["faults"]))


if __name__ == "__main__":
    sys.exit(main())
