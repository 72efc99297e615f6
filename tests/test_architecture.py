"""One way through: who may import whom, and what an import may cost.

docs/architecture.py has the layers of each package. An import counts wherever in a file it stands: in a function and
under TYPE_CHECKING too.
"""

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from docs.architecture import BATCH, CAPTION, LAYERS, picture
from tests.support.fresh_processes import failures_of

ROOT = Path(__file__).parents[1]
# Packages, and for each the tops that it must not import.
FORBIDDEN = {
    "entityclip/contract": {"model", "pipeline", "flows", "prefect", "vllm", "tests", "benchmarks"},
    "pipeline": {"model", "flows", "prefect", "tests", "benchmarks"},
    "model": {"pipeline", "flows", "prefect", "vllm", "tests", "benchmarks"},
    "flows": {"tests", "benchmarks"},
}
# All else in `flows` works without Prefect.
MAY_IMPORT_PREFECT = {
    "generate",
    "generate_range",
    "train",
    "evaluate",
    "run_all",
    "orchestration",
}


def _imports(path: Path) -> Iterator[str]:
    """Dotted names of everything that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert not node.level, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _files(package: str) -> list[Path]:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    return files


def _unit(path: Path, package: str) -> str:
    return path.relative_to(ROOT / package).parts[0].removesuffix(".py")


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_go_one_way(package: str) -> None:
    tops = {path: {name.split(".")[0] for name in _imports(path)} for path in _files(package)}
    assert not {
        str(path.relative_to(ROOT)): wrong for path, found in tops.items() if (wrong := found & FORBIDDEN[package])
    }


@pytest.mark.parametrize("package", LAYERS)
def test_every_layer_imports_lower_ones_only(package: str) -> None:
    layer = {unit: number for number, units in enumerate(LAYERS[package]) for unit in units}
    wrong = []
    for path in _files(package):
        unit = _unit(path, package)
        if unit == "__init__":  # the package's face
            continue
        assert unit in layer, f"{path.relative_to(ROOT)}: give {unit} a layer in this test"
        for name in _imports(path):
            parts = name.split(".")
            other = parts[1] if parts[0] == package and len(parts) > 1 else unit
            if other != unit and layer.get(other, len(layer)) <= layer[unit]:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong
    assert layer.keys() == {_unit(path, package) for path in _files(package)} - {"__init__"}, "a unit that is gone"


def test_only_deployable_flows_and_orchestration_import_prefect() -> None:
    importing = {
        _unit(path, "flows") for path in _files("flows") if any(n.startswith("prefect") for n in _imports(path))
    }
    assert importing <= MAY_IMPORT_PREFECT


def test_importing_the_pipeline_loads_no_torch() -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in _files("pipeline")
    ]
    program = f"import sys\nfor name in {modules!r}: __import__(name)\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


def test_generating_and_showing_load_no_torch() -> None:
    modules = ["flows.generate", "flows.generate_range", *(f"flows.display.{p.stem}" for p in _files("flows/display"))]
    program = (
        f"import sys\nfor name in {modules!r}: __import__(name)\nassert not {{'torch', 'open_clip'}} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


@pytest.mark.parametrize("folder", ["flows", "benchmarks", "benchmarks/ablation", "pipeline/engines/vllm"])
def test_nothing_that_may_come_first_on_the_path_hides_another_module(folder: str) -> None:
    """Python puts the folder of a program run by its path first, Prefect that of an entrypoint; children inherit it."""
    names = {path.stem for path in (ROOT / folder).iterdir() if path.suffix == ".py" or path.is_dir()}
    installed = {"entityclip", "pipeline", "model", "flows", "tests", "benchmarks", "prefect", "torch", "vllm", "rich"}
    assert not names & (sys.stdlib_module_names | installed)


def _entrypoints() -> list[str]:
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    return sorted({one["entrypoint"] for one in deployments})


_LOAD = """
from prefect.flows import load_flow_from_entrypoint
flow = load_flow_from_entrypoint({entrypoint!r}, use_placeholder_flow=False)
assert flow.name and flow.fn.__name__ == {entrypoint!r}.rpartition(":")[2]
"""


@pytest.mark.slow
def test_entrypoints_load_in_a_fresh_process() -> None:
    """A process each, as what one flow imports must not help another."""
    found = _entrypoints()
    assert len(found) >= 6
    assert failures_of({entrypoint: _LOAD.format(entrypoint=entrypoint) for entrypoint in found}) == {}


def test_the_pull_step_is_there() -> None:
    (step,) = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["pull"]
    module, _, function = next(iter(step)).rpartition(".")
    assert callable(getattr(importlib.import_module(module), function))


def test_the_picture_is_up_to_date() -> None:
    assert (ROOT / "docs" / "architecture.svg").read_text(encoding="utf-8") == picture(), "python -m docs.architecture"
    for package, way in (("pipeline", CAPTION), ("model", BATCH)):
        assert set(way) <= {unit for units in LAYERS[package] for unit in units}
