"""docs/manifest.md, from the descriptions of the fields: `python -m pipeline.manifest_reference > docs/manifest.md`."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipeline.datasets import (
    Columns,
    CsvDataset,
    FolderDataset,
    GoodNewsDataset,
    HeraldryDataset,
    HuggingFaceDataset,
    JsonlDataset,
    N24NewsDataset,
    ParquetDataset,
    VisualNewsDataset,
    WebDataset,
)
from pipeline.manifest import Generation, Judging, Manifest, Sampling, TransformersEngine, VllmEngine
from pipeline.prompt import PromptExample, PromptTemplate
from pipeline.worlds.heraldry.settings import WorldSettings

SECTIONS: dict[str, type[BaseModel]] = {
    "The manifest": Manifest,
    "`dataset`, kind `jsonl`": JsonlDataset,
    "`dataset`, kind `csv` or `tsv`": CsvDataset,
    "`dataset`, kind `parquet`": ParquetDataset,
    "`dataset`, kind `folder`": FolderDataset,
    "`dataset`, kind `webdataset`": WebDataset,
    "`dataset`, kind `huggingface`": HuggingFaceDataset,
    "`dataset.columns`": Columns,
    "`dataset`, kind `n24news`": N24NewsDataset,
    "`dataset`, kind `visualnews`": VisualNewsDataset,
    "`dataset`, kind `goodnews`": GoodNewsDataset,
    "`dataset`, kind `heraldry`": HeraldryDataset,
    "`dataset.world`": WorldSettings,
    "`generation`": Generation,
    "`generation.sampling`": Sampling,
    "`generation.engine`, kind `transformers`": TransformersEngine,
    "`generation.engine`, kind `vllm`": VllmEngine,
    "`generation.judge`": Judging,
    "A prompt template's file": PromptTemplate,
    "`examples` of a prompt template": PromptExample,
}
_HEAD = """# Every field of a manifest

Made from the code by `python -m pipeline.manifest_reference`; a test compares. Unknown fields are refused, and relative
paths start at the manifest's own folder. [your_data.md](your_data.md) says more about your own data,
[vllm.md](vllm.md) about servers, [prompts.md](prompts.md) about templates.
"""
_BOUNDS = {"ge": ">= {}", "gt": "> {}", "le": "<= {}", "lt": "< {}", "max_length": "at most {}", "pattern": "`{}`"}
_NAMES = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path", NoneType: "null"}


def reference() -> str:
    """The whole page, in Markdown."""
    return "\n".join([_HEAD, *(line for title, model in SECTIONS.items() for line in _section(title, model))])


def _section(title: str, model: type[BaseModel]) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"{(model.__doc__ or '').strip().splitlines()[0]}\n"
    yield "| field | type | default | meaning |\n|---|---|---|---|"
    for name, field in model.model_fields.items():
        described = field.description or _own_section(field)
        yield f"| `{name}` | {_cell(_type(field))} | {_cell(_default(field))} | {_cell(described)} |"
    yield ""


def _own_section(field: FieldInfo) -> str:
    return (
        "which one this section is about" if get_origin(field.annotation) is Literal else "a section of its own below"
    )


def _type(field: FieldInfo) -> str:
    limits = [
        text.format(limit) for part in field.metadata for name, text in _BOUNDS.items() if (limit := _limit(part, name))
    ]
    return ", ".join([_type_name(field.annotation), *limits])


def _limit(constraint: object, name: str) -> str | None:
    limit = getattr(constraint, name, None)
    return None if limit is None else f"{limit:,}" if isinstance(limit, int) and limit > 9999 else str(limit)


def _type_name(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_name(parts[0])
    if origin is Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_type_name(part) for part in parts))
    if origin in (tuple, list):
        return f"list of {_type_name(parts[0])}"
    if origin is dict:
        return "mapping"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "mapping"
    return _NAMES[annotation]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "see below" if isinstance(value, BaseModel) else f"`{json.dumps(value)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(reference(), end="")
