"""One way through: who may import whom, and what an import may cost."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORBIDDEN = {
    "pipeline": {"model", "flows", "prefect", "tests"},
    "model": {"pipeline", "flows", "prefect", "vllm", "tests"},
    "flows": {"tests"},
}


def _imports(path: Path) -> set[str]:
    """Top-level names of everything a file imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_go_one_way(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    wrong = {str(path.relative_to(ROOT)): found for path in files if (found := _imports(path) & FORBIDDEN[package])}
    assert not wrong


def test_importing_the_pipeline_loads_no_torch() -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((ROOT / "pipeline").rglob("*.py"))
    ]
    program = f"import sys\nfor name in {modules!r}: __import__(name)\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, timeout=120)


def test_no_flow_is_named_like_a_module_of_pythons() -> None:
    """Prefect puts the folder of a deployment's file on the path, and child processes inherit it."""
    assert not {path.stem for path in (ROOT / "flows").glob("*.py")} & sys.stdlib_module_names
