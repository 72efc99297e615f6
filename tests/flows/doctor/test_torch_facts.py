"""torch, GPUs, bf16 and torchvision: torch as it is here, beside files of other machines."""

import sys
import sysconfig
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torchvision.extension

from entityclip.contract import amx
from flows.doctor.torch_facts import bf16, gpu, torch_facts, torchvision as torchvision_fact

System = Callable[[dict[str, str]], None]
_INTEL = "processor : 0\nflags\t\t: fpu avx512f avx512_bf16 amx_bf16 amx_tile{more}\n\nprocessor : 1\nflags\t\t: fpu\n"


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_why_gpus_that_are_there_are_not_used(no_gpu: None, system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert (gpu(torch).status, gpu(torch).value) == ("note", "none")
    system({"proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: H200"})
    monkeypatch.setattr(torch.version, "cuda", None)
    fact = gpu(torch)
    assert fact.value == "NVIDIA GPUs: 1, not usable (torch is not a CUDA build)"
    assert str(fact.remedy).endswith(", from a package index with CUDA builds of torch")
    assert "--force-reinstall" in str(gpu(torch).remedy)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert gpu(torch).remedy == "docker run --gpus all"
    system({"dev/nvidiactl": "a device"})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: warnings.warn("the driver is\n too old", stacklevel=1))
    assert gpu(torch).value == "NVIDIA GPUs: 1, not usable (the driver is too old)"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpu(torch).remedy == "unset CUDA_VISIBLE_DEVICES"


def test_gpus_and_their_bf16(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """As torch tells of two GPUs: no machine of the tests has one."""
    system({"sys/module/nvidia/version": "580.65.06\n"})
    card = SimpleNamespace(name="NVIDIA H200", total_memory=141 * 2**30)
    told = {
        "is_available": lambda: True,
        "device_count": lambda: 2,
        "get_device_properties": lambda index: card,
        "get_device_name": lambda index: card.name,
        "device": nullcontext,
        "is_bf16_supported": lambda including_emulation: True,
    }
    for name, function in told.items():
        monkeypatch.setattr(torch.cuda, name, function)
    assert gpu(torch).value == "NVIDIA H200 141 GiB, NVIDIA H200 141 GiB (driver 580.65.06)"
    assert (gpu(torch).status, bf16(torch).status) == ("ok", "ok")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    assert (bf16(torch).status, bf16(torch).value) == ("note", "not supported by NVIDIA H200")


def test_bf16_of_a_cpu(no_gpu: None, tmp_path: Path, system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    monkeypatch.setattr(amx, "Path", lambda path: tmp_path / "system" / path.lstrip("/"))
    assert bf16(torch).status == "note"
    system({"proc/cpuinfo": _INTEL.format(more="")})
    assert (bf16(torch).status, bf16(torch).value) == ("ok", "the CPU has amx_bf16, avx512_bf16")
    system({"proc/cpuinfo": _INTEL.format(more=" hypervisor")})
    assert bf16(torch).status == "note" and "ONEDNN_MAX_CPU_ISA=ALL" in str(bf16(torch).remedy)
    system({"proc/cpuinfo": "Features\t: fp asimd bf16\n"})
    assert bf16(torch).status == "ok"


def test_a_torchvision_that_only_we_can_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision.extension, "_has_ops", lambda: False)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    fact = torchvision_fact()
    assert fact.status == "warning"
    program, source, folder = str(fact.remedy).split()
    assert (program, folder) == ("cp", str(tmp_path))
    (tmp_path / Path(source).name).write_bytes(Path(source).read_bytes())
    assert torchvision_fact().status == "ok"
    monkeypatch.setattr(torchvision.extension, "_has_ops", lambda: True)
    assert torchvision_fact().status == "ok"


def test_a_torch_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    (fact,) = torch_facts()
    assert (fact.name, fact.status) == ("torch", "error")
    assert "--force-reinstall" in str(fact.remedy) and "'torch<2.14,>=2.13'" in str(fact.remedy)
