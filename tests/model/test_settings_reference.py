from pathlib import Path

from model.settings.schema import TrainSettings
from model.settings_reference import SECTIONS, reference
from tests.pipeline.test_manifest_reference import _models

PAGE = Path(__file__).parents[2] / "docs" / "training_settings.md"


def test_the_page_is_up_to_date() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == reference(), "python -m model.settings_reference > docs/training_settings.md"


def test_no_section_is_forgotten() -> None:
    assert set(_models(TrainSettings)) == set(SECTIONS.values())
