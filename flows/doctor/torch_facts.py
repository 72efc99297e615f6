"""Examines torch, GPUs, bf16 and torchvision. Importing torch takes seconds."""

import os
import shlex
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from entityclip.contract import torchvision_cpu
from entityclip.contract.amx import amx_is_doubtful
from flows.doctor import system_files
from flows.doctor.commands import pip_install, requirement
from flows.doctor.fact import Fact

_PTH = Path(torchvision_cpu.__file__).with_name("entityclip-torchvision.pth")


def torch_facts() -> Iterator[Fact]:
    """Import torch and yield the facts about it, or only an error if the import fails."""
    try:
        import torch
    except Exception as error:  # a missing or broken library may raise any exception
        yield Fact("torch", "error", f"cannot be imported: {error}", "nothing can be trained", _reinstall())
        return
    built = torch.version.cuda and f"CUDA {torch.version.cuda} build"
    built = built or (torch.version.hip and f"ROCm {torch.version.hip} build") or "CPU build"
    yield Fact("torch", "ok", f"{torch.__version__} ({built})", "training, evaluation and search can run")
    yield gpu(torch)
    yield bf16(torch)
    yield torchvision()


def gpu(torch: ModuleType) -> Fact:
    """Examine the GPUs that torch can use, or find out why it cannot use the machine's GPUs."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = [
            torch.cuda.get_device_properties(i)
            for i in range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
        ]
    said = " ".join(str(caught[0].message).split()) if caught else ""
    if found:
        driver = system_files.read("sys/module/nvidia/version").strip()
        value = ", ".join(f"{one.name} {one.total_memory / 2**30:.0f} GiB" for one in found)
        value += f" (driver {driver})" if driver else ""
        if said:
            return Fact("gpu", "warning", value, f"torch warns: {said}", "update the driver or use another torch build")
        return Fact("gpu", "ok", value, "can train a ViT-B/32 on real data; set --nproc to the number of GPUs")
    forbids = "training uses the CPU, which suits the demo and small models; a ViT-B/32 on real data needs a GPU"
    there = system_files.count_nvidia_gpus()
    if not there:
        return Fact("gpu", "note", "none", forbids, "use a machine with an NVIDIA GPU for real data")
    if not torch.version.cuda:
        why, remedy = "torch is not a CUDA build", f"{_reinstall()}, from a package index with CUDA builds of torch"
    elif not (system_files.ROOT / "dev/nvidiactl").exists():
        why, remedy = "they are not visible in this container", "docker run --gpus all"
    elif "CUDA_VISIBLE_DEVICES" in os.environ:
        why, remedy = "CUDA_VISIBLE_DEVICES is set", "unset CUDA_VISIBLE_DEVICES"
    else:
        why, remedy = said or "torch finds no GPU", "update the NVIDIA driver (nvidia-smi shows its version)"
    return Fact("gpu", "warning", f"NVIDIA GPUs: {there}, not usable ({why})", forbids, remedy)


def bf16(torch: ModuleType) -> Fact:
    """Examine whether precision=bf16 makes training faster on the GPUs, or on the CPU if there is no GPU."""
    faster, slower = "precision=bf16 saves time and memory", "keep the default, precision=fp32"
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            with torch.cuda.device(index):
                if not torch.cuda.is_bf16_supported(including_emulation=False):
                    value = f"not supported by {torch.cuda.get_device_name(index)}"
                    return Fact("bf16", "note", value, "precision=bf16 fails with an error", slower)
        return Fact("bf16", "ok", "the GPU computes in bf16", faster)
    found = system_files.cpu_flags() & {"amx_bf16", "avx512_bf16", "bf16"}  # the last one is ARM's
    if amx_is_doubtful():
        value = "this virtual machine advertises AMX, which is not used because some hosts kill programs that use it"
        remedy = "if AMX is known to work here: export ONEDNN_MAX_CPU_ISA=ALL"
        return Fact("bf16", "note", value, "precision=bf16 works, but may save no time", remedy)
    if found:
        return Fact("bf16", "ok", f"the CPU has {', '.join(sorted(found))}", faster)
    return Fact("bf16", "note", "the CPU has no bf16 instructions", "precision=bf16 works, but saves no time", slower)


def torchvision() -> Fact:
    """Examine whether torchvision can be imported, here and by programs that do not import entityclip."""
    torchvision_cpu.make_torchvision_importable()
    try:
        from torchvision import __version__ as number
        from torchvision.extension import _has_ops
    except Exception as error:
        return Fact("torchvision", "error", f"cannot be imported: {error}", "no image can be transformed", _reinstall())
    if _has_ops():
        return Fact("torchvision", "ok", number, "image transforms work")
    value = f"{number} (its compiled operators are incompatible with this torch)"
    site_packages = sysconfig.get_path("purelib")
    if Path(site_packages, _PTH.name).is_file():
        return Fact("torchvision", "ok", value, "image transforms work, and nothing else is needed")
    meaning = "entityclip works, but other programs here, such as those that load an export, cannot import open_clip"
    return Fact("torchvision", "warning", value, meaning, shlex.join(["cp", str(_PTH), site_packages]))


def _reinstall() -> str:
    return pip_install("--force-reinstall", requirement("torch"), requirement("torchvision"))
