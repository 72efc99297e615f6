from pathlib import Path

import pytest

from model.clip.towers import Towers, load_towers
from model.settings.schema import TowerSettings, TrainSettings
from tests.model.shard_writer import write_dataset
from tests.model.tiny_clip import make_tiny_clip


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_clip(tmp_path_factory.mktemp("clip") / "clip")


@pytest.fixture
def towers(clip_folder: Path) -> Towers:
    return load_towers(TowerSettings(model=f"local-dir:{clip_folder}"))


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_dataset(tmp_path_factory.mktemp("data"), {"train": 40, "val": 12, "test": 15})


@pytest.fixture
def settings(clip_folder: Path, dataset: tuple[Path, Path]) -> TrainSettings:
    return TrainSettings.model_validate(
        {
            "towers": {"model": f"local-dir:{clip_folder}"},
            "method": {"image_experts": 2, "shared_experts": 1, "text_experts": 1},
            "data": {"explanations": dataset[0], "workers": 0},  # processes start for longer than this takes
            "optim": {"steps": 6, "batch_size": 8, "lr": 1e-3, "new_lr": 1e-3},
            "evaluation": {"every": 3, "batch_size": 5},
            "threads": 1,
            "device": "cpu",
        }
    )
