"""The peak of this process' resident memory, from a moment on. `ru_maxrss` begins with that of the parent process."""

import re
from pathlib import Path


def forget_peak() -> float:
    """Begin anew; the resident memory now, in MiB."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return peak_mib()


def peak_mib() -> float:
    """The peak since then, in MiB."""
    match = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"), re.M)
    assert match is not None
    return int(match[1]) / 1024
