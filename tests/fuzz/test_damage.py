"""Damaged files of our own, and containers that lie, by the thousand; and whether these cases find what was wrong."""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from entityclip.contract import own_json
from entityclip.contract.receipts import BucketReceipt
from pipeline.files.storage import LocalFolder
from pipeline.generation import bucket, spool
from pipeline.readers import tar_members
from tests.fuzz import limits
from tests.fuzz.containers import kinds as containers
from tests.fuzz.own_output import Output
from tests.support.fuzz_process import fuzz

ROOT = Path(__file__).parents[2]
MOST_MIB = 1_000  # an image just below the limit of pixels takes 700


def _fuzz(folder: Path, part: str, cases: int, seed: int = 0) -> dict[str, Any]:
    return fuzz("tests.fuzz.run_damage", folder, cases, seed, most_mib=MOST_MIB, part=part)


def test_some_damaged_files_and_lying_containers(tmp_path: Path) -> None:
    damaged = _fuzz(tmp_path, "output", 60, seed=1)["outcomes"]
    assert damaged["generate, stopped"]["mended"] > 2  # the damage is real, and so is the mending
    lying = _fuzz(tmp_path, "containers", 150, seed=1)["outcomes"]
    assert all(lying[kind].get("pairs", 0) + lying[kind].get("usable", 0) > 0 for kind in lying)


@pytest.mark.slow
@pytest.mark.parametrize(("part", "cases"), [("output", 2_700), ("run", 1_920), ("containers", 8_400)])
def test_thousands_of_cases(part: str, cases: int, tmp_path: Path) -> None:
    found = _fuzz(tmp_path, part, cases)
    print(f"{part}: {cases:,} cases, {found['cpu_seconds']} s, {found['mib']} MiB: {json.dumps(found['outcomes'])}")
    assert all(sum(of_kind.values()) >= 200 for of_kind in found["outcomes"].values())


@pytest.mark.slow
def test_one_megabyte_ends_within_seconds_of_a_processor(tmp_path: Path) -> None:
    """The kernel ends the process if a file takes five times what it may; benchmarks have the exact figures."""
    command = [sys.executable, "-m", "tests.fuzz.slow_inputs", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, f"{done.stdout.splitlines()[-1:]} {done.stderr[-2000:]}"
    assert done.stdout.count("reading") == done.stdout.count(" s: ") >= 28


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory, tiny_llama: Path) -> Iterator[Output]:
    yield Output(tmp_path_factory.mktemp("output"), tiny_llama)


def _old_spool(path: Path, _say: object) -> list[spool.Session]:
    sessions: list[spool.Session] = []
    for line in path.read_bytes().split(b"\n")[:-1] if path.is_file() else []:
        content = json.loads(line)
        if "session" in content:
            sessions.append(spool.Session(content["session"]))
        else:
            sessions[-1].completions.append(spool.Completion(**content))
    return sessions


FAULTS: dict[str, tuple[str, tuple[Any, str, Any]]] = {
    "a spool is read as it was written": ("generate, stopped", (bucket, "mended_spool", _old_spool)),
    "an answer without its text is taken for one": (
        "generate, stopped",
        (spool, "_is_whole", lambda content, completion: True),
    ),
    "JSON is taken for JSON": (
        "generate, finished",
        (own_json, "parse_json", lambda content, what="it": json.loads(content)),
    ),
    "a changed receipt is taken for the truth": (
        "generate, false receipt",
        (BucketReceipt, "is_as_written", lambda self, digest: True),
    ),
    "a receipt of another output is taken for its own": (
        "generate, false receipt",
        (bucket, "is_own", lambda receipt, job: True),
    ),
    "what has a file's name is taken for a file": ("pack", (LocalFolder, "_clear", lambda self, name: None)),
    "a tar has as many bytes as it says": ("tar", (tar_members, "EndingFile", lambda file: file)),
    "a tar's extended headers are sound": ("tar", (tar_members, "BoundedInfo", tarfile.TarInfo)),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_an_old_fault_is_found(fault: str, output: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, (where, name, old) = FAULTS[fault]
    monkeypatch.setattr(where, name, old)
    monkeypatch.setattr(os, "fsync", lambda _handle: None)
    monkeypatch.setattr(limits, "SECONDS", 3)  # what hangs need not hang for longer
    if fault == "a tar's extended headers are sound":  # their own errors were passed on
        monkeypatch.setattr(tar_members, "_DAMAGE", (OSError, EOFError, RecursionError))
    kinds = containers(tmp_path) if kind == "tar" else output.kinds()
    found = limits.run_cases({kind: kinds[kind]}, 600, seed=3, until_a_fault=True)
    assert found["faults"], f"{found['cases']} cases find nothing"
    print(found["cases"], found["faults"])
