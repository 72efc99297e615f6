import json
from pathlib import Path

import pytest

from flows.init_models import choose_towers
from model.clip.towers import load_towers
from model.settings.schema import TowerSettings, TrainSettings
from model.training.loop import train
from tests.model.conftest import clip_folder, dataset, settings  # noqa: F401 - fixtures


@pytest.mark.usefixtures("undrawn_curves")
def test_a_run_is_a_model_to_start_from(settings: TrainSettings, clip_folder: Path, tmp_path: Path) -> None:  # noqa: F811
    train(settings.model_copy(update={"optim": settings.optim.model_copy(update={"steps": 1})}), tmp_path / "run")
    original, found = choose_towers(str(clip_folder)), choose_towers(str(tmp_path / "run"))
    assert found.folder == (tmp_path / "run").resolve()
    assert (found.context_length, found.is_tiny) == (original.context_length, original.is_tiny)
    assert original.tokenizer is not None and found.tokenizer is not None
    first, second = (
        json.loads((folder / "tokenizer.json").read_bytes()) for folder in (original.tokenizer, found.tokenizer)
    )
    assert first["model"] == second["model"]
    load_towers(TowerSettings(model=f"local-dir:{found.folder}"))
