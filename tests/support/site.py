"""`entityclip serve` as a person starts it: a process of its own, on a port that is free."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Site:
    """A server that listens; `address` ends in a slash."""

    address: str
    process: subprocess.Popen[str]


@contextmanager
def served(location: Path | str, *options: str) -> Iterator[Site]:
    """Start it and wait for its address; at the end press Ctrl-C, upon which it has to end well."""
    command = [sys.executable, "-m", "flows.cli", "serve", str(location), "--port", "0", *options]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        found = re.search(r"http://\S+/", said)
        if found is None:
            raise AssertionError(f"{said}{process.communicate()[1]}")
        yield Site(found[0], process)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
        assert process.returncode == 0, errors
        assert "Traceback" not in errors, errors
    finally:
        process.kill()
        process.wait()
