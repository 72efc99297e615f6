"""The peak of this process's resident memory."""

import re
import resource
from pathlib import Path


def peak_mib() -> float:
    """MiB since this program began; `ru_maxrss` on Linux begins with the peak of the process that started it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes, on a Mac
    found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"), re.M)
    assert found is not None
    return int(found[1]) / 2**10
