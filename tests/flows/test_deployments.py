"""prefect.yaml: what it names exists, and what its form says is what the flows take."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema

from flows.orchestration.stale_runs import FLOWS
from flows.project_paths import PROJECT, absolute_overrides, in_project, location_in_project, naming_the_manifest
from model.settings.load import load_settings
from pipeline.manifest.manifest import load_manifest

DEPLOYMENTS = yaml.safe_load((PROJECT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]


def test_five_flows_for_four_datasets_and_any_other_and_the_ablation_for_worlds() -> None:
    deployed = {(load_flow_from_entrypoint(one["entrypoint"]).name, one["name"]) for one in DEPLOYMENTS}
    flows, datasets = set(FLOWS) - {"entityclip-demo", "entityclip-ablation"}, ("n24news", "visualnews", "goodnews")
    everywhere = {(flow, name) for flow in flows for name in ("heraldry", "own", *datasets)}
    assert len(flows) == 5 and deployed == everywhere | {("entityclip-ablation", "heraldry")}
    assert len(deployed) == len(DEPLOYMENTS)


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda one: f"{one['entrypoint']} {one['name']}")
def test_parameters_are_described_and_what_they_name_exists(deployment: dict[str, Any]) -> None:
    flow = load_flow_from_entrypoint(deployment["entrypoint"])
    schema = parameter_schema(flow)
    assert all(found.get("description") for found in schema.properties.values())
    is_own = deployment["name"] == "own"
    given = deployment.get("parameters", {})
    assert set(given) <= set(schema.properties)
    range_only = {"first", "last"}
    assert (set(schema.required) - range_only <= set(given)) is not is_own
    if "manifest" in given:
        manifest = load_manifest(in_project(given["manifest"]))
        assert manifest.name == deployment["name"], "the fan-out looks for generate-range/NAME"
        if "config" in given:
            assert manifest.output_location == load_settings(in_project(given["config"]), []).data.explanations
    if flow.name in ("entityclip", "entityclip-ablation", "generate-explanations"):
        strategy = "ENQUEUE" if is_own else "CANCEL_NEW"  # two runs of `own` may be of two datasets
        assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": strategy}


def test_relative_paths_start_at_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert in_project("runs/x") == PROJECT / "runs" / "x"
    assert in_project(tmp_path / "y") == tmp_path / "y"
    assert location_in_project("s3://bucket/x") == "s3://bucket/x"
    given = ["data.explanations=runs/x", "towers.model=local-dir:clip", "optim.lr=1", "data.image_root=null"]
    assert absolute_overrides(given) == [
        f"data.explanations={PROJECT / 'runs/x'}",
        f"towers.model=local-dir:{PROJECT / 'clip'}",
        "optim.lr=1",
        "data.image_root=null",
    ]


def test_the_remedy_names_the_manifest_that_writes_there(tmp_path: Path) -> None:
    message = "generate them with: entityclip generate MANIFEST"
    explanations = PROJECT / "runs" / "n24news" / "explanations"
    assert naming_the_manifest(message, explanations).endswith("entityclip generate data_manifests/n24news.yaml")
    assert naming_the_manifest(message, tmp_path) == message
