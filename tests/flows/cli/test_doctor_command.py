"""`entityclip doctor` as a person and as a script meet it."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.cli.main import main
from flows.display.next_steps import command_line
from flows.doctor.fact import Fact, Status

ROOT = Path(__file__).parents[3]
Run = Callable[..., tuple[int, str, str]]
NAMES = [
    *("python", "entityclip", "packages", "memory", "cores", "shared_memory", "open_files", "disk", "hf_home"),
    *("hub", "vllm", "prefect", "torch", "gpu", "bf16", "torchvision"),
]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process, 80 columns wide: code, stdout and stderr. `facts`: instead of real ones."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("PREFECT_API_URL", raising=False)

    def run_(*arguments: str, facts: list[Fact] | None = None) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["entityclip", "doctor", *arguments])
        with pytest.MonkeyPatch.context() as patch:
            if facts is not None:
                patch.setattr("flows.doctor.examine.examine", lambda announce: iter(facts))
            with pytest.raises(SystemExit) as exit_:
                main()
        out, err = capsys.readouterr()
        return int(exit_.value.code or 0), out, err

    return run_


_OK = Fact("python", "ok", "3.12.1", "it fits")
_NOTE = Fact("shared_memory", "note", "little", "slow", "leave it, or a very long remedy that no line of 80 holds")
_WARNING = Fact("open_files", "warning", "9", "too few", "ulimit -n 1024")
_ERROR = Fact("torch", "error", "[red]\x1b[31mgone[/red]", "nothing works", "install torch")


def test_facts_their_remedies_exit_codes_and_what_comes_next(run: Run) -> None:
    code, out, _ = run("--strict", facts=[_OK, _NOTE])
    assert code == 0
    assert out.splitlines() == [
        "ok       python         3.12.1: it fits",
        "note     shared_memory  little: slow",
        f"   fix:  {_NOTE.remedy}",
        "",
        "2 facts: 1 ok, 1 note",
        f"next: {command_line('demo')}",
    ]
    code, out, _ = run(facts=[_OK, _WARNING, _NOTE])
    assert (code, out.splitlines()[-1]) == (0, "next: ulimit -n 1024")
    assert run("--strict", facts=[_WARNING])[0] == 1
    code, out, _ = run(facts=[_OK, _WARNING, _ERROR])
    assert (code, out.splitlines()[-2:]) == (2, ["3 facts: 1 ok, 1 warning, 1 error", "next: install torch"])
    assert "error    torch          [red]\\x1b[31mgone[/red]: nothing works\n" in out
    statuses = {}
    for one in (_NOTE, _WARNING, _ERROR):
        code, out, _ = run("--json", "--strict", facts=[_OK, one])
        statuses[one.status] = code, json.loads(out)["status"]
    assert statuses == {"note": (0, "ok"), "warning": (1, "warning"), "error": (2, "error")}


def test_this_machine_and_a_server_that_does_not_answer(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every fact is there, nothing is written, and no secret is told."""
    secret = "hunter2-do-not-tell"
    monkeypatch.chdir(tmp_path)
    for name in ("PREFECT_API_AUTH_STRING", "PREFECT_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, secret)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # nobody listens
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/api"
        url = address.replace("//", f"//me:{secret}@")
        monkeypatch.setenv("PREFECT_API_URL", url)
        with temporary_settings({PREFECT_API_URL: url}):  # a process that ran other tests has read the variable before
            code, out, err = run("--json")
            shown = run()
    report = json.loads(out)
    assert (code, report["status"], shown[0]) == (2, "error", 2)
    assert list(report) == ["doctor_version", "status", "facts"] and report["doctor_version"] == 1
    assert [one["name"] for one in report["facts"]] == NAMES
    for one in report["facts"]:
        assert list(one) == ["name", "status", "value", "meaning", "remedy"]
        assert one["status"] in get_args(Status) and one["value"] and one["meaning"]
        assert (one["remedy"] is None) == (one["status"] == "ok"), one
    (server,) = [one for one in report["facts"] if one["name"] == "prefect"]
    assert server["status"] == "error" and server["value"].startswith(f"{address} does not answer")
    assert "loading torch" in err and "connecting to the configured Prefect server" in err
    assert re.findall(r"^(?:ok|note|warning|error) +(\w+)  ", shown[1], re.M) == NAMES
    assert secret not in out + err + shown[1] + shown[2]
    assert not list(tmp_path.iterdir())


_PROGRAM = """
import os, sys

class Stdout:
    encoding = "utf-8"
    def isatty(self):
        return False
    def flush(self):
        pass
    def write(self, text):
        if text:
            heavy = {"torch", "prefect", "transformers", "pyarrow", "numpy", "httpx"} & sys.modules.keys()
            print(sorted(heavy), text, file=sys.stderr, flush=True)
            os._exit(0)

sys.stdout, sys.argv = Stdout(), ["entityclip", "doctor"]
from flows.cli.main import main
main()
"""


def test_nothing_heavy_is_imported_before_the_first_line() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False, cwd=ROOT)
    assert re.match(r"\[\] ok +python ", done.stderr), done.stderr


def test_the_docs_name_every_fact() -> None:
    docs = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    assert not set(NAMES) - set(re.findall(r"`(\w+)`", docs))
