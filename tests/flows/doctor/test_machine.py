"""What a machine allows, read from files like those of other machines."""

import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from flows.doctor import machine, system_files

System = Callable[[dict[str, str]], None]
_GIB = 2**30
_MEMINFO = f"MemTotal:       {64 * 2**20} kB\nMemFree:  1000 kB\nMemAvailable:   {40 * 2**20} kB\n"


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Makes every disk have this many GiB free."""

    def set_free(gib: float) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=int(gib * _GIB)))

    return set_free


def test_memory_of_the_machine(system: System) -> None:
    system({"proc/meminfo": _MEMINFO})
    fact = machine.memory()
    assert (fact.status, fact.value, fact.remedy) == ("ok", "40.0 GiB available of 64.0 GiB", None)
    system({"proc/meminfo": _MEMINFO.replace(str(40 * 2**20), str(2**20))})
    assert machine.memory().status == "error"


def test_the_cgroup_that_leaves_least_counts_without_its_file_cache(system: System) -> None:
    group = "sys/fs/cgroup/system.slice/docker-1.scope"
    system(
        {
            "proc/meminfo": _MEMINFO,
            "proc/self/cgroup": "0::/system.slice/docker-1.scope\n",
            f"{group}/memory.max": "max\n",
            "sys/fs/cgroup/system.slice/memory.max": f"{8 * _GIB}\n",
            "sys/fs/cgroup/system.slice/memory.current": f"{7 * _GIB}\n",
            "sys/fs/cgroup/system.slice/memory.stat": f"anon 1\ninactive_file {4 * _GIB}\n",
        }
    )
    fact = machine.memory()
    assert (fact.status, fact.value) == ("note", "5.0 GiB available of the cgroup's 8.0 GiB (the machine has 64.0 GiB)")
    system({f"{group}/memory.max": f"{_GIB}", f"{group}/memory.current": "0"})
    assert machine.memory().status == "error"
    assert "docker run --memory" in str(machine.memory().remedy)


def test_version_1_of_cgroups(system: System) -> None:
    """Docker mounts its own group where the path, which is the host's, does not lead."""
    system(
        {
            "proc/self/cgroup": "9:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n1:name=systemd:/docker/1\n0::/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2 * _GIB}\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{_GIB}\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "150000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        }
    )
    assert system_files.memory_limit() == (2 * _GIB, _GIB)
    assert system_files.cpu_quota() == 1.5
    system(
        {
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2**63 - 4096}\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
        }
    )
    assert system_files.memory_limit() is None and system_files.cpu_quota() is None


def test_a_quota_below_the_cores_asks_for_as_many_threads(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(32)), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    system({"proc/self/cgroup": "0::/../outside\n", "sys/fs/cgroup/cpu.max": "350000 100000\n"})
    fact = machine.cores()
    assert (fact.status, fact.value) == (
        "warning",
        "32 usable of 64 logical; the cgroup's quota allows the CPU time of 3.5 cores",
    )
    assert "OMP_NUM_THREADS=4" in str(fact.remedy)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert machine.cores().status == "ok"
    system({"sys/fs/cgroup/cpu.max": "max 100000\n"})
    assert (machine.cores().status, machine.cores().value) == ("ok", "32 usable of 64 logical")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {5}, raising=False)
    assert machine.cores().status == "note"


def test_shared_memory_as_docker_gives_it_or_none(system: System, free: Callable[[float], None]) -> None:
    fact = machine.shared_memory()
    assert (fact.status, fact.value) == ("warning", "no /dev/shm: No such file or directory")
    free(64 / 1024)
    fact = machine.shared_memory()
    assert fact.status == "warning" and "--shm-size" in str(fact.remedy)
    free(8)
    assert machine.shared_memory().status == "ok"


def test_few_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    try:
        fact = machine.open_files()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (fact.status, fact.value, fact.remedy) == ("warning", "up to 512", "ulimit -n 1024")


def test_disks_that_are_full_or_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: Callable[[float], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "not" / "there"))
    found = {}
    for gib in (0.5, 5, 15, 25):
        free(gib)
        found[gib] = machine.disk().status, machine.hf_home().status
    assert found == {
        0.5: ("error", "warning"),
        5: ("warning", "note"),
        15: ("ok", "note"),
        25: ("ok", "ok"),
    }
    monkeypatch.setattr(os, "access", lambda path, mode: mode == os.F_OK and Path(path) == tmp_path)
    assert machine.disk().status == "error" and machine.hf_home().status == "warning"


def test_models_are_counted_where_the_hub_keeps_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "huggingface" / "hub" / "models--a--b").mkdir(parents=True)
    assert f"for {tmp_path}/huggingface/hub (1 model)" in machine.hf_home().value
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    assert f"for {tmp_path}/elsewhere (0 models)" in machine.hf_home().value
