"""Peak resident memory of this process."""

import re
import resource
from pathlib import Path


def peak_mib() -> float:
    """Return the peak RSS in MiB. Not from `ru_maxrss`, which on Linux starts with the parent process's peak."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes, on a Mac
    found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"), re.M)
    assert found is not None
    return int(found[1]) / 2**10
