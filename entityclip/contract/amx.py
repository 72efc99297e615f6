"""Disables AMX (Intel's matrix tiles) for torch on virtual machines that advertise it.

Some hypervisors advertise AMX and grant permission to use it, but kill a process with SIGILL ("Illegal instruction") at
its first tile instruction. torch's bf16 matrix products and vLLM's bf16 CPU attention execute such instructions.
"""

import os
from pathlib import Path

_VARIABLE = "ONEDNN_MAX_CPU_ISA"
_BELOW_AMX = "AVX512_CORE_FP16"


def amx_is_doubtful() -> bool:
    """Return True on a virtual machine that advertises AMX, unless the user has set ONEDNN_MAX_CPU_ISA."""
    if os.environ.get(_VARIABLE, _BELOW_AMX) != _BELOW_AMX:
        return False
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return False  # not Linux
    return "amx_tile" in flags and "hypervisor" in flags


def avoid_doubtful_amx() -> None:
    """Restrict oneDNN to instruction sets below AMX, in this process and its children, if `amx_is_doubtful()`.

    Call this before torch's first matrix product. Set ONEDNN_MAX_CPU_ISA=ALL to use AMX anyway.
    """
    if amx_is_doubtful():
        os.environ[_VARIABLE] = _BELOW_AMX
