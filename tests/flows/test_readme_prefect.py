"""The README's section on Prefect, as it is written: from nothing to a finished run in a copy of the project."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from model.data.shards import read_split
from tests.support.prefect_lab import ROOT, lab_environment

pytestmark = pytest.mark.slow
PARTS = (
    "Makefile",
    "README.md",
    "benchmarks",
    "constraints.txt",
    "data_manifests",
    "entityclip",
    "flows",
    "model",
    "pipeline",
    "prefect.yaml",
)


def _copy_project(folder: Path) -> Path:
    """The files that a clone has, with this environment as its .venv."""
    folder.mkdir()
    for name in (*PARTS, "pyproject.toml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name)
    venv = folder / ".venv"
    venv.mkdir()
    for part in Path(sys.prefix).iterdir():
        if part.name != ".installed":
            (venv / part.name).symlink_to(part)
    (venv / ".installed").touch()  # newer than pyproject.toml: nothing is to be installed
    _shrink_world(folder / "data_manifests" / "heraldry.yaml")
    return folder


def _shrink_world(path: Path) -> None:
    """Leave 40 of 240 houses, whose pairs are more than the README's limit: the rest would take minutes."""
    manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    manifest["dataset"]["world"] |= {"main_houses": 28, "rare_houses": 12}
    path.write_text(yaml.safe_dump(manifest), encoding="utf-8")


def _commands() -> list[str]:
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## With a Prefect server and workers")[2]
    block = re.search(r"\n\n((?:    .+\n)+)", section)
    assert block is not None
    return [line.strip() for line in block[1].splitlines()]


def test_the_commands_do_what_the_readme_says(tmp_path: Path) -> None:
    commands = _commands()
    assert len(commands) <= 8 and commands[0].startswith("make up") and commands[-1] == "make down"
    environment = lab_environment(tmp_path)
    project = _copy_project(tmp_path / "project")
    environment |= {"PYTHONPATH": str(project), "HOME": str(tmp_path)}
    url = environment["PREFECT_API_URL"]
    readme_url = "http://127.0.0.1:4200/api"
    assert sum(readme_url in command for command in commands) == 1
    lines = [command.replace(readme_url, url) for command in commands]
    seen = f"{sys.executable} -m tests.support.seen {url} {tmp_path / 'seen.json'}"
    script = "\n".join(["set -ex", *lines[:-1], f"PYTHONPATH={ROOT} {seen}", "make up", lines[-1], lines[-1]])
    done = subprocess.run(
        ["bash", "-c", script], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        subprocess.run(["make", "down"], cwd=project, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "stopped: worker, server" in done.stdout and "nothing was running" in done.stdout
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health")

    seen_there: dict[str, Any] = json.loads((tmp_path / "seen.json").read_text())
    states = [(run["state"]["type"], run["state"]["message"]) for run in seen_there["runs"]]
    assert [kind for kind, _ in states] == ["COMPLETED"] * 4
    limited, rest, trained, evaluated = (message for _, message in states)
    assert re.fullmatch(r"200 ok; pending [\d,]+; generated 200, reused 0", limited)
    assert re.fullmatch(r"[\d,]+ ok; generated [\d,]+, reused 200", rest)
    assert trained.startswith("30 steps; best step")
    assert evaluated.startswith("mean recall ") and "200 candidates" in evaluated
    artifacts = {artifact["key"]: artifact for artifact in seen_there["artifacts"] if artifact["key"]}
    wanted = {"explanations-heraldry-by-status", "explanations-heraldry-sample", "explanations-heraldry-shards"}
    wanted |= {"training-short-curve", "training-short-checkpoint", "retrieval-short"}
    assert wanted <= artifacts.keys()
    table = json.loads(artifacts["explanations-heraldry-by-status"]["data"])
    by_split = {row["split"]: row["ok"] for row in table}
    output = project / "runs" / "heraldry" / "explanations"
    for split, rows in by_split.items():
        assert len(read_split(output, split, statuses=("ok",)).triples) == rows
    assert (project / "runs" / "heraldry" / "short" / "metrics.json").is_file()
    progress = [artifact for artifact in seen_there["artifacts"] if artifact["type"] == "progress"]
    assert len(progress) == 4
