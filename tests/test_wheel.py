"""The wheel alone, in an empty folder: it has its manifests and models, and runs the demo."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.news import write_n24news

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel installs; no build isolation, so that no network is needed."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(source)], check=True)
    pip = [sys.executable, "-m", "pip", "--quiet"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source)]
    subprocess.run(build, check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(folder / "site"), str(wheel)], check=True)
    return folder / "site"


def test_demo_check_and_reproduce_run_without_a_checkout(installed: Path, tmp_path: Path) -> None:
    def entityclip(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [str(installed / "bin" / "entityclip"), *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    environment = {**os.environ, "PYTHONPATH": str(installed), "HOME": str(tmp_path / "home")}
    environment.pop("PREFECT_API_URL", None)
    where = [sys.executable, "-c", "import flows; print(flows.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.startswith(str(installed))

    checked = entityclip("check", "n24news")
    assert checked.returncode == 2
    assert f"copying the shipped manifests to {tmp_path / 'data_manifests'}" in checked.stderr
    assert str(tmp_path / "data" / "n24news") in "".join(checked.stdout.split()), "wrapped at the terminal's width"

    world = tmp_path / "data_manifests" / "heraldry.yaml"
    manifest = yaml.safe_load(world.read_text())
    manifest["dataset"]["world"] |= {"main_houses": 6, "rare_houses": 2, "test_per_house": 2, "val_per_house": 1}
    world.write_text(yaml.safe_dump(manifest))
    config = world.with_suffix("") / "train.yaml"
    settings = yaml.safe_load(config.read_text())
    settings["optim"] |= {"steps": 4, "batch_size": 8}
    config.write_text(yaml.safe_dump(settings))
    demo = entityclip("demo")
    assert demo.returncode == 0, demo.stderr
    assert (tmp_path / "runs" / "heraldry" / "report.html").is_file()

    write_n24news(tmp_path / "release", per_split=4)
    for image in (tmp_path / "release" / "imgs").iterdir():
        image.unlink()
    reproduced = entityclip("reproduce", "n24news", "--root", "release")
    assert reproduced.returncode == 2
    assert "the check found errors" in reproduced.stderr, "it has found its manifest, and has read the data"
    assert not (installed / "runs").exists() and not (installed / "data").exists()
