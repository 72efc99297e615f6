"""Reads what Linux says of the machine and of this process's limits. Files that are not there read as empty."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")
_UNLIMITED = 2**60  # version 1 of cgroups writes a huge number of bytes


def read(path: str) -> str:
    """Return the text of a system file, such as `proc/meminfo`; an empty text if it cannot be read."""
    try:
        return (ROOT / path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def memory() -> dict[str, int]:
    """Return the fields of /proc/meminfo, in bytes."""
    return {name: 1024 * int(kib) for name, kib in re.findall(r"^(\w+):\s+(\d+) kB", read("proc/meminfo"), re.M)}


def memory_limit() -> tuple[int, int] | None:
    """Return limit and use in bytes of the cgroup that leaves the least memory, or None if none has a limit.

    The use is without file cache, which the kernel drops when memory is short.
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
    """Return the number of cores whose time the tightest cgroup allows, or None if none has a quota."""
    quotas = []
    for group in _groups("cpu"):
        words = read(f"{group}/cpu.max").split()
        words = words or [read(f"{group}/cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
        if all(word.isdigit() and int(word) for word in words):  # otherwise "max", -1 or no file
            quotas.append(int(words[0]) / int(words[1]))
    return min(quotas, default=None)


def cpu_flags() -> set[str]:
    """Return the instruction sets that the processor advertises."""
    lines = re.findall(r"^(?:flags|Features)\s*:(.*)$", read("proc/cpuinfo"), re.M)  # x86 and ARM
    return set(lines[0].split()) if lines else set()


def count_nvidia_gpus() -> int:
    """Return the number of GPUs that the kernel's NVIDIA driver runs, whether or not this process may use them."""
    folder = ROOT / "proc/driver/nvidia/gpus"
    return sum(1 for _ in folder.iterdir()) if folder.is_dir() else 0


def _groups(controller: str) -> Iterator[str]:
    """Yield the folders of this process's cgroups that have the controller, from its own up to the root."""
    for line in read("proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        mount = f"sys/fs/cgroup/{controller}" if controllers else "sys/fs/cgroup"  # versions 1 and 2
        parts = [part for part in path.split("/") if part]
        if ".." in parts:  # outside this container's view
            parts = []
        yield from ("/".join([mount, *parts[:depth]]) for depth in range(len(parts), -1, -1))


def _number(path: str) -> int | None:
    text = read(path).strip()
    return int(text) if text.isdigit() else None
