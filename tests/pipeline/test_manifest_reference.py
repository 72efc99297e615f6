from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from pipeline.manifest.manifest import Manifest, _known_keys
from pipeline.manifest_reference import SECTIONS, reference

PAGE = Path(__file__).parents[2] / "docs" / "manifest.md"


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Every model that a type mentions, and theirs."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from _models(field.annotation)
    for part in get_args(annotation):
        yield from _models(part)


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "python -m pipeline.manifest_reference > docs/manifest.md"


def test_no_section_is_forgotten() -> None:
    models = set(_models(Manifest))
    assert models <= set(SECTIONS.values())
    assert {name for model in models for name in model.model_fields} == set(_known_keys())  # what hints choose from
