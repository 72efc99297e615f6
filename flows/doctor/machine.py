"""Examines memory, cores, open files and disks."""

import math
import os
import resource
import shutil
from pathlib import Path

from flows.display.printing import plural
from flows.doctor import system_files
from flows.doctor.fact import Fact, Status

_DEMO_MEMORY = 1.2 * 2**30  # bytes; the demo's largest process needs 1.0 GiB
_CLIP_MEMORY = 6 * 2**30  # a training step of ViT-B/32 on the CPU with a batch of 16 peaks at 4.7 GiB
_SHARED_MEMORY = 2**30
_OPEN_FILES = 1024
_FULL_DISK = 2**30
_CLIP_DISK = 10 * 2**30  # a ViT-B/32 run saves two states of 1.8 GB, briefly a third, and the best weights
_LLM_DISK = 20 * 2**30  # an LLM with 7 billion parameters is a download of 15 GB


def memory() -> Fact:
    """Examine how much memory this process can still allocate on the machine and within its cgroup limits."""
    found = system_files.memory()
    if not {"MemTotal", "MemAvailable"} <= found.keys():
        return Fact("memory", "note", "unknown (no /proc/meminfo)", "there may be too little", "use Linux")
    total, available = found["MemTotal"], found["MemAvailable"]
    value = f"{_gib(available)} available of {_gib(total)}"
    remedy = "close other programs, or use a machine with more memory"
    limit = system_files.memory_limit()
    if limit is not None and limit[0] < total:
        available = min(available, max(0, limit[0] - limit[1]))
        value = f"{_gib(available)} available of the cgroup's {_gib(limit[0])} (the machine has {_gib(total)})"
        remedy = "raise the container's limit (docker run --memory 16g)"
    if available < _DEMO_MEMORY:
        return Fact("memory", "error", value, "not enough for the demo, whose largest process needs 1.0 GiB", remedy)
    if available < _CLIP_MEMORY:
        meaning = "enough for the demo; a ViT-B/32 needs 5 GiB on the CPU with a batch of 16"
        return Fact("memory", "note", value, meaning, f"{remedy}, or set optim.micro_batch_size")
    return Fact("memory", "ok", value, "enough to train a ViT-B/32")


def cores() -> Fact:
    """Examine how many cores this process may use, given its CPU affinity and its cgroups' CPU quota."""
    logical = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else logical
    quota = system_files.cpu_quota()
    value = f"{usable} usable of {logical} logical"
    if quota is not None and quota < usable:
        threads = max(1, math.ceil(quota))
        value += f"; the cgroup's quota allows the CPU time of {quota:g} cores"
        given = os.environ.get("OMP_NUM_THREADS", "")
        if not given.isdigit() or int(given) > threads:
            meaning = f"torch starts {usable} threads, which then wait for each other"
            remedy = f"export OMP_NUM_THREADS={threads}, and train with --set data.workers={threads}"
            return Fact("cores", "warning", value, meaning, remedy)
        usable = threads
    if usable == 1:
        remedy = "use a machine with more cores for real data"
        return Fact("cores", "note", value, "data workers and training share one core, which is slow", remedy)
    return Fact("cores", "ok", value, "shared by data workers and torch")


def shared_memory() -> Fact:
    """Examine /dev/shm, which data workers use to pass batches to the training process."""
    needs = "data workers pass batches through it and crash when it is full"
    remedy = "start the container with --shm-size=8g (Kubernetes: mount an emptyDir with medium Memory at /dev/shm), "
    remedy += "or train with --set data.workers=0"
    try:
        usage = shutil.disk_usage(system_files.ROOT / "dev/shm")
    except OSError as error:
        return Fact("shared_memory", "warning", f"no /dev/shm: {error.strerror}", needs, remedy)
    value = f"{_gib(usage.free)} free in /dev/shm"
    if usage.free < _SHARED_MEMORY:
        return Fact("shared_memory", "warning", value, needs, remedy)
    return Fact("shared_memory", "ok", value, "enough for data workers")


def open_files() -> Fact:
    """Examine how many files this process may have open at once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return Fact("open_files", "ok", "no limit", "enough for data workers and servers")
    if soft >= _OPEN_FILES:
        return Fact("open_files", "ok", f"up to {soft:,}", "enough for data workers and servers")
    can_raise = hard == resource.RLIM_INFINITY or hard >= _OPEN_FILES
    remedy = f"ulimit -n {_OPEN_FILES}" if can_raise else "docker run --ulimit nofile=65536, or ask the administrator"
    return Fact("open_files", "warning", f"up to {soft:,}", "data workers may fail with 'Too many open files'", remedy)


def disk() -> Fact:
    """Examine the free space in the working directory, where runs and explanations are written."""
    here = Path.cwd()
    remedy = "free some space, or work in a folder on another disk"
    if not os.access(here, os.W_OK):
        return Fact("disk", "error", f"{here} is not writable", "no run can be saved here", "work in another folder")
    free = shutil.disk_usage(here).free
    status: Status = "ok"
    meaning = "enough for a ViT-B/32 run"
    if free < _FULL_DISK:
        status, meaning = "error", "too little to save a run"
    elif free < _CLIP_DISK:
        status, meaning = "warning", "enough for the demo; a ViT-B/32 run saves about 6 GB"
    return Fact("disk", status, f"{_gib(free)} free in {here}", meaning, None if status == "ok" else remedy)


def hf_home() -> Fact:
    """Examine the free space for the cache of Hugging Face models, and count the cached models."""
    cache = hub_cache()
    folder = next(path for path in (cache, *cache.parents) if os.access(path, os.F_OK))
    models = sum(1 for _ in cache.glob("models--*"))
    free = shutil.disk_usage(folder).free
    value = f"{_gib(free)} free for {cache} ({plural(models, 'model')})"
    remedy = "export HF_HOME=FOLDER, where FOLDER is on a disk with 20 GB free"
    if not os.access(folder, os.W_OK):
        return Fact("hf_home", "warning", f"{folder} is not writable", "no model can be downloaded", remedy)
    if free < _FULL_DISK:
        return Fact("hf_home", "warning", value, "too little to download a model", remedy)
    if free < _LLM_DISK:
        return Fact("hf_home", "note", value, "enough for a CLIP (0.6 GB), but not for a 7B LLM (15 GB)", remedy)
    return Fact("hf_home", "ok", value, "enough for a 7B LLM")


def hub_cache() -> Path:
    """Return the model cache folder, derived from the environment in the same way as in huggingface_hub."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser().absolute()


def _gib(size: float) -> str:
    return f"{size / 2**30:,.1f} GiB"
