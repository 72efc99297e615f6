"""What `make up` registers."""

import shutil
from pathlib import Path

from flows.orchestration.local_server import deployments_here
from tests.support.prefect_lab import ROOT

FLOWS = ("generate-explanations", "generate-range", "train-entityclip", "evaluate-entityclip", "run-entityclip")


def test_datasets_are_registered_where_their_data_is(tmp_path: Path) -> None:
    shutil.copy(ROOT / "prefect.yaml", tmp_path)
    shutil.copytree(ROOT / "data_manifests", tmp_path / "data_manifests")
    (tmp_path / "data" / "visualnews").mkdir(parents=True)
    names, absent = deployments_here(tmp_path)
    expected = {f"{flow}/{name}" for flow in FLOWS for name in ("own", "heraldry", "visualnews")}
    assert sorted(names) == sorted([*expected, "ablate/heraldry"])
    assert absent == {name: tmp_path / "data" / name for name in ("n24news", "goodnews")}
