"""Keeps torch on the CPU away from AMX, Intel's matrix tiles, where a virtual machine advertises them.

Some hypervisors announce AMX, grant the permission to use it, and then end the program at its first tile instruction
(SIGILL, "Illegal instruction"): torch's bf16 matrix products and vLLM's CPU attention in bf16 both do that. It is a
module of its own because `pipeline` and `model` both need it and import neither each other.
"""

import os
from pathlib import Path

_VARIABLE = "ONEDNN_MAX_CPU_ISA"
_BELOW_AMX = "AVX512_CORE_FP16"


def amx_is_doubtful() -> bool:
    """Whether this is a virtual machine that advertises AMX, and nobody said how far oneDNN may go."""
    if os.environ.get(_VARIABLE, _BELOW_AMX) != _BELOW_AMX:
        return False
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return False  # no Linux, no AMX through Linux
    return "amx_tile" in flags and "hypervisor" in flags


def avoid_doubtful_amx() -> None:
    """Keep oneDNN, in this process and its children, below AMX where that is doubtful.

    To be called before torch's first matrix product. Set ONEDNN_MAX_CPU_ISA=ALL to use AMX all the same.
    """
    if amx_is_doubtful():
        os.environ[_VARIABLE] = _BELOW_AMX
