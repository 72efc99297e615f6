"""Public names are what they say, whatever was imported before, and importing a package costs nothing."""

import ast
import pkgutil
import subprocess
import sys

import pytest

from tests.support.fresh_processes import ROOT, failures_of

PACKAGES = ("entityclip", "model", "pipeline")
_ASK = """
import importlib, inspect, pkgutil, sys
package = importlib.import_module({package!r})
def look():
    return {{name: getattr(package, name) for name in package.__all__ if name != "__version__"}}
first = look() if {names_first} else {{}}
for part in pkgutil.iter_modules(package.__path__):
    importlib.import_module(f"{package}.{{part.name}}")
found = look()
assert found and not first or all(found[name] is first[name] for name in found), "a name changed"
for name, value in found.items():
    assert not inspect.ismodule(value), f"{{name}} is a module"
    assert getattr(value, "__name__", name) == name, f"{{name}} is {{value}}"
try:
    package.no_such_name
except AttributeError:
    pass
else:
    raise AssertionError("a name that there is not was found")
"""


def _run(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def failures() -> dict[str, str]:
    """Of every package, its names asked for before and after its parts are imported."""
    asked = [(package, names_first) for package in PACKAGES for names_first in (True, False)]
    return failures_of({f"{p} {first}": _ASK.format(package=p, names_first=first) for p, first in asked})


@pytest.mark.parametrize("names_first", [True, False])
@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.slow
def test_public_names_are_what_they_say(package: str, names_first: bool, failures: dict[str, str]) -> None:
    assert not failures.get(f"{package} {names_first}")


@pytest.mark.parametrize("package", PACKAGES)
def test_no_public_name_is_a_modules(package: str) -> None:
    module = __import__(package)
    assert not set(module.__all__) & {part.name for part in pkgutil.iter_modules(module.__path__)}


@pytest.mark.parametrize("package", PACKAGES)
def test_type_checkers_see_the_same_names(package: str) -> None:
    tree = ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8"))
    (checked,) = [node for node in tree.body if isinstance(node, ast.If)]
    declared = {alias.name for node in checked.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert declared == set(__import__(package).__all__)
    assert (ROOT / package / "py.typed").is_file()


def test_importing_a_package_costs_nothing() -> None:
    heavy = {"torch", "pyarrow", "open_clip", "transformers", "prefect", "pydantic"}
    _run(f"import sys, {', '.join(PACKAGES)}\nfound = {heavy!r} & set(sys.modules)\nassert not found, found")


# Modules of the contract that need a library of some weight, directly or through another one.
_WEIGHT = {
    "file_systems": {"pyarrow"},
    "schema": {"pyarrow", "pydantic"},
    "own_json": {"pydantic"},
    "receipts": {"pyarrow", "pydantic"},
    "settings_errors": {"pydantic"},
}


def test_a_module_of_the_contract_loads_no_more_than_it_needs() -> None:
    lines = ["import importlib, os, sys"]
    for path in sorted((ROOT / "entityclip" / "contract").glob("[!_]*.py")):
        forbidden = {"torch", "pyarrow", "pydantic"} - _WEIGHT.get(path.stem, set())
        lines += [  # a process each, as what one loads must not count for another
            "if not os.fork():",
            f"    importlib.import_module('entityclip.contract.{path.stem}')",
            f"    os._exit(1 if {forbidden!r} & set(sys.modules) else 0)",
            f"assert not os.wait()[1], {path.stem!r}",
        ]
    _run("\n".join(lines))


def test_importing_the_contract_loads_neither_half() -> None:
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((ROOT / "entityclip" / "contract").rglob("*.py"))
    ]
    _run(
        f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
        "found = {'model', 'pipeline', 'flows', 'prefect', 'torch'} & set(sys.modules)\nassert not found, found"
    )
