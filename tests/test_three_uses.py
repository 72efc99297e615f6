"""What the project is for, as its users do it: by commands, deployments and files alone, on a real Prefect server.

Explanations are generated through a deployment; training runs again and again on them, with changed settings and no
LLM; and the shards are plain Parquet. Nothing of the code is imported here, so that a change inside it reruns this
as it is.
"""

import io
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas
import polars
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from tests.support.prefect_lab import ROOT, PrefectLab

pytestmark = pytest.mark.slow
SHIPPED = ROOT / "data_manifests" / "heraldry"
Rows = dict[str, dict[str, Any]]


class Project:
    """A folder with a manifest over a small world, its LLM and training settings; and a server that a worker serves."""

    def __init__(self, folder: Path, lab: PrefectLab) -> None:
        self.folder, self.lab = folder, lab
        self.explanations, self.llm = folder / "explanations", folder / "llama"
        shutil.copytree(SHIPPED / "llama", self.llm)
        shutil.copytree(SHIPPED / "clip", folder / "clip")
        manifest = yaml.safe_load((ROOT / "data_manifests" / "heraldry.yaml").read_text(encoding="utf-8"))
        world = {"main_houses": 6, "rare_houses": 2, "test_per_house": 2, "val_per_house": 1}
        manifest["dataset"] |= {"root": "world", "world": world}
        manifest["generation"] |= {"model": "llama"}
        manifest["generation"]["judge"]["clip_tokenizer"] = "clip"
        self.manifest = self._write("manifest.yaml", manifest | {"output": "explanations", "num_shards": 2})
        settings = yaml.safe_load((SHIPPED / "train.yaml").read_text(encoding="utf-8"))
        settings["data"]["explanations"] = "explanations"
        settings["optim"] |= {"steps": 6, "batch_size": 16}
        settings["evaluation"]["every"] = 3
        self.settings = self._write("train.yaml", settings)

    def deployment(self, name: str, *parameters: str) -> str:
        """Run a deployment to its end."""
        given = [word for parameter in parameters for word in ("--param", parameter)]
        return self.lab.prefect("deployment", "run", name, *given, "--watch")

    def entityclip(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run the installed command in the folder."""
        command = [str(Path(sys.executable).with_name("entityclip")), *map(str, arguments)]
        environment = {name: value for name, value in self.lab.environment.items() if name != "PYTHONPATH"}
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=300, check=False
        )

    def states(self) -> list[tuple[str, str]]:
        """Type and message of all flow runs so far."""
        return [(run["state"]["type"], run["state"]["message"]) for run in self.lab.runs()]

    def _write(self, name: str, content: dict[str, Any]) -> Path:
        path = self.folder / name
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Some explanations are generated through the deployment, then the rest."""
    folder = tmp_path_factory.mktemp("three-uses")
    (folder / "mine").mkdir()
    with PrefectLab(folder) as lab:
        lab.prefect("work-pool", "create", "entityclip", "--type", "process")
        wanted = ("generate-explanations/own", "train-entityclip/own")
        lab.prefect("--no-prompt", "deploy", *(word for name in wanted for word in ("--name", name)))
        lab.worker("worker", 1, pool="entityclip")
        project = Project(folder / "mine", lab)
        for limit in (["limit=40"], []):
            project.deployment("generate-explanations/own", f"manifest={project.manifest}", *limit)
        yield project


def test_first_use_explanations_are_generated_through_a_deployment(project: Project) -> None:
    assert [run["name"] for run in project.lab.runs()][:2] == ["mine limit=40", "mine"]
    (kind, limited), (other_kind, rest) = project.states()[:2]
    assert kind == other_kind == "COMPLETED"
    assert "generated 40, reused 0" in limited
    assert "reused 40" in rest and "pending" not in rest
    assert Counter(row["status"] for row in _pyarrow(project.explanations).values())["ok"] > 40


def test_second_use_training_runs_again_on_them_without_an_llm(project: Project) -> None:
    project.llm.rename(project.folder / "llama is not here")
    refused = project.entityclip("generate", project.manifest)
    assert refused.returncode == 2 and "generation.model" in refused.stderr, "so nothing could generate"
    before = _times(project.explanations)

    first, second = project.folder / "runs" / "first", project.folder / "runs" / "second"
    project.deployment("train-entityclip/own", f"config={project.settings}", f"run={first}")
    kind, message = project.states()[2]
    assert kind == "COMPLETED" and message.startswith("6 steps; best step")
    changed = ("--set", "method.anchor_text_weight=0", "--set", "optim.lr=5e-4")
    done = project.entityclip("train", project.settings, "--out", second, *changed)
    assert done.returncode == 0, done.stderr

    records = [json.loads((run / "train.json").read_text(encoding="utf-8")) for run in (first, second)]
    assert [record["steps"] for record in records] == [6, 6]
    assert [record["settings"]["optim"]["lr"] for record in records] == [1e-3, 5e-4]
    assert [record["settings"]["method"]["anchor_text_weight"] > 0 for record in records] == [True, False]
    shards = [record["data"]["train"]["shards"] for record in records]
    assert shards[0] == shards[1] and len(shards[0]) == 2
    assert all((run / "checkpoint" / "towers.safetensors").is_file() for run in (first, second))
    assert _times(project.explanations) == before, "training only reads them"


def test_third_use_the_shards_are_plain_parquet(project: Project) -> None:
    footers = [json.loads(pq.read_schema(path).metadata[b"entityclip"]) for path in _shards(project.explanations)]
    counted = sum((Counter(footer["counts"]) for footer in footers), Counter())
    images = Path(footers[0]["image_root"])
    read = {name: reader(project.explanations) for name, reader in READERS.items()}
    for name, rows in read.items():
        assert Counter(row["status"] for row in rows.values()) == counted, name
        assert {key: _told(row) for key, row in rows.items()} == {
            key: _told(row) for key, row in read["pyarrow"].items()
        }, name
        row = next(row for row in rows.values() if row["status"] == "ok")
        assert len(set(row["explanation"].split()) - set(row["caption"].split())) > 3, "it says more than the caption"
        with Image.open(images / row["image"]["path"]) as picture:
            assert min(picture.size) > 8, name


def test_third_use_packed_shards_have_their_pictures_in_them(project: Project) -> None:
    packed = project.folder / "packed"
    done = project.entityclip("pack", project.explanations, packed, "--size", "16")
    assert done.returncode == 0, done.stderr
    there = _pyarrow(project.explanations).keys()
    for name, reader in READERS.items():
        rows = reader(packed)
        assert rows.keys() == there, name
        for row in rows.values():
            with Image.open(io.BytesIO(row["image"]["bytes"])) as picture:
                assert min(picture.size) == 16, name


def _times(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def _pyarrow(folder: Path) -> Rows:
    return _by_id(pyarrow.dataset.dataset([str(path) for path in _shards(folder)]).to_table().to_pylist())


def _pyarrow_folder(folder: Path) -> Rows:
    return _by_id(pq.read_table(folder).to_pylist())


def _duckdb(folder: Path) -> Rows:
    return _by_id(duckdb.sql(f"SELECT * FROM '{folder}/split=*/*.parquet'").to_arrow_table().to_pylist())


def _pandas(folder: Path) -> Rows:
    return _by_id(pandas.read_parquet(folder).to_dict("records"))


def _polars(folder: Path) -> Rows:
    return _by_id(polars.read_parquet(folder / "split=*" / "*.parquet").to_dicts())


READERS: dict[str, Callable[[Path], Rows]] = {
    "pyarrow": _pyarrow,
    "pyarrow, the folder": _pyarrow_folder,
    "duckdb": _duckdb,
    "pandas": _pandas,
    "polars": _polars,
}


def _shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("split=*/part-*.parquet"))


def _by_id(rows: list[dict[str, Any]]) -> Rows:
    found = {f"{row['split']}/{row['id']}": row for row in rows}
    assert len(found) == len(rows)
    return found


def _told(row: dict[str, Any]) -> tuple[object, ...]:
    return row["caption"], row["status"], row["explanation"], row["key"], row["image"]["path"]
