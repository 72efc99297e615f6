from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from docs.reference import MANIFEST, TRAINING_SETTINGS, pages
from entityclip.contract.settings_errors import models_in
from model.settings.schema import TrainSettings
from pipeline.manifest.manifest import Manifest

DOCS = Path(__file__).parents[2] / "docs"


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Every model that a type mentions, and theirs."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from _models(field.annotation)
    for part in get_args(annotation):
        yield from _models(part)


@pytest.mark.parametrize("name", ["manifest.md", "training_settings.md"])
def test_the_page_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == pages()[name], "python -m docs.reference"


def _hinted(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for section in models_in(field.annotation):
            yield from _hinted(section)


def test_no_section_is_forgotten() -> None:
    assert set(_models(TrainSettings)) == set(TRAINING_SETTINGS.values())
    models = set(_models(Manifest))
    assert models <= set(MANIFEST.values())
    assert set(_hinted(Manifest)) == models  # whose keys hints for misspelt ones choose from
    assert set(_hinted(TrainSettings)) == set(TRAINING_SETTINGS.values())
