"""Reads Linux's system files about the machine and this process's limits. Missing files are read as empty."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")
_UNLIMITED = 2**60  # cgroups version 1 reports a huge number of bytes if there is no limit


def read(path: str) -> str:
    """Return the text of a system file, such as `proc/meminfo`, or an empty string if it cannot be read."""
    try:
        return (ROOT / path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def memory() -> dict[str, int]:
    """Return the fields of /proc/meminfo, in bytes."""
    return {name: 1024 * int(kib) for name, kib in re.findall(r"^(\w+):\s+(\d+) kB", read("proc/meminfo"), re.M)}


def memory_limit() -> tuple[int, int] | None:
    """Return the limit and usage in bytes of the cgroup with the least memory left, or None if no cgroup has a limit.

    The usage excludes the file cache, which the kernel drops when memory is short.
    """
    found = []
    for group in _groups("memory"):
        for limit_file, use_file, cache in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            limit = _number(f"{group}/{limit_file}")
            if limit is not None and limit < _UNLIMITED:
                dropped = re.search(rf"^{cache} (\d+)", read(f"{group}/memory.stat"), re.M)
                use = (_number(f"{group}/{use_file}") or 0) - (int(dropped[1]) if dropped else 0)
                found.append((limit, max(0, use)))
    return min(found, key=lambda group: group[0] - group[1], default=None)


def cpu_quota() -> float | None:
    """Return the smallest CPU quota of any cgroup, as a number of cores, or None if no cgroup has a quota."""
    quotas = []
    for group in _groups("cpu"):
        words = read(f"{group}/cpu.max").split()
        words = words or [read(f"{group}/cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
        if all(word.isdigit() and int(word) for word in words):  # no quota: "max", -1 or no file
            quotas.append(int(words[0]) / int(words[1]))
    return min(quotas, default=None)


def cpu_flags() -> set[str]:
    """Return the instruction sets that the processor advertises."""
    lines = re.findall(r"^(?:flags|Features)\s*:(.*)$", read("proc/cpuinfo"), re.M)  # x86 and ARM
    return set(lines[0].split()) if lines else set()


def count_nvidia_gpus() -> int:
    """Return the number of GPUs that the kernel's NVIDIA driver manages, whether or not this process may use them."""
    folder = ROOT / "proc/driver/nvidia/gpus"
    return sum(1 for _ in folder.iterdir()) if folder.is_dir() else 0


def _groups(controller: str) -> Iterator[str]:
    """Yield the folders of this process's cgroups for a controller, from its own cgroup up to the root."""
    for line in read("proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        mount = f"sys/fs/cgroup/{controller}" if controllers else "sys/fs/cgroup"  # cgroups version 1, else version 2
        parts = [part for part in path.split("/") if part]
        if ".." in parts:  # the cgroup is not visible in this container
            parts = []
        yield from ("/".join([mount, *parts[:depth]]) for depth in range(len(parts), -1, -1))


def _number(path: str) -> int | None:
    text = read(path).strip()
    return int(text) if text.isdigit() else None
