"""Generates docs/manifest.md and docs/training_settings.md from field descriptions (`python -m docs.reference`)."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from model.settings import schema
from pipeline.manifest import datasets
from pipeline.manifest.generation import Generation, Judging, Sampling, TransformersEngine, VllmEngine
from pipeline.manifest.manifest import Manifest
from pipeline.prompts.template import PromptExample, PromptTemplate
from pipeline.worlds.heraldry.settings import WorldSettings

MANIFEST: dict[str, type[BaseModel]] = {
    "The manifest": Manifest,
    "`dataset`, kind `jsonl`": datasets.JsonlDataset,
    "`dataset`, kind `csv` or `tsv`": datasets.CsvDataset,
    "`dataset`, kind `parquet`": datasets.ParquetDataset,
    "`dataset`, kind `folder`": datasets.FolderDataset,
    "`dataset`, kind `webdataset`": datasets.WebDataset,
    "`dataset`, kind `huggingface`": datasets.HuggingFaceDataset,
    "`dataset.columns`": datasets.Columns,
    "`dataset`, kind `n24news`": datasets.N24NewsDataset,
    "`dataset`, kind `visualnews`": datasets.VisualNewsDataset,
    "`dataset`, kind `goodnews`": datasets.GoodNewsDataset,
    "`dataset`, kind `heraldry`": datasets.HeraldryDataset,
    "`dataset.world`": WorldSettings,
    "`generation`": Generation,
    "`generation.sampling`": Sampling,
    "`generation.engine`, kind `transformers`": TransformersEngine,
    "`generation.engine`, kind `vllm`": VllmEngine,
    "`generation.judge`": Judging,
    "A prompt template's file": PromptTemplate,
    "`examples` of a prompt template": PromptExample,
}
TRAINING_SETTINGS: dict[str, type[BaseModel]] = {
    "The settings": schema.TrainSettings,
    "`towers`": schema.TowerSettings,
    "`method`": schema.MethodSettings,
    "`data`": schema.DataSettings,
    "`data.splits`": schema.SplitSettings,
    "`optim`": schema.OptimSettings,
    "an item of `optim.groups`": schema.GroupSettings,
    "`lock`": schema.LockSettings,
    "`evaluation`": schema.EvaluationSettings,
    "`checkpoint`": schema.CheckpointSettings,
    "`log`": schema.LogSettings,
    "`divergence`": schema.DivergenceSettings,
}
_MANIFEST_HEAD = """# Every field of a manifest

Generated from the code by `python -m docs.reference`. Unknown fields are an error, and relative paths start at the
manifest's folder. See also [your_data.md](your_data.md) for your own data, [vllm.md](vllm.md) for servers and
[prompts.md](prompts.md) for templates.
"""
_SETTINGS_HEAD = """# Every field of the training settings

Generated from the code by `python -m docs.reference`. Unknown fields are an error. Relative paths start at the file's
folder, those in `--set` at the working directory. See also [training.md](training.md).
"""
_BOUNDS = {"ge": ">= {}", "gt": "> {}", "le": "<= {}", "lt": "< {}", "max_length": "at most {}", "pattern": "`{}`"}
_NAMES = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path", NoneType: "null"}


def section(title: str, model: type[BaseModel]) -> Iterator[str]:
    """Yield Markdown that documents a Pydantic model: heading, first line of its docstring, and table of its fields."""
    yield f"## {title}\n"
    yield f"{(model.__doc__ or '').strip().splitlines()[0]}\n"
    yield "| field | type | default | meaning |\n|---|---|---|---|"
    for name, field in model.model_fields.items():
        is_kind = get_origin(field.annotation) is Literal
        usual = "the kind described in this section" if is_kind else "see its own section below"
        yield f"| `{name}` | {_cell(_type(field))} | {_cell(_default(field))} | {_cell(field.description or usual)} |"
    yield ""


def _type(field: FieldInfo) -> str:
    limits = [(text, getattr(part, name, None)) for part in field.metadata for name, text in _BOUNDS.items()]
    bounds = [
        text.format(f"{limit:,}" if isinstance(limit, int) and limit > 9999 else limit)
        for text, limit in limits
        if limit is not None
    ]
    return ", ".join([_type_name(field.annotation), *bounds])


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
    if origin is dict or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return "mapping"
    return _NAMES[annotation]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "see below" if isinstance(value, BaseModel) else f"`{json.dumps(value)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def pages() -> dict[str, str]:
    """Return the Markdown text of each page, by file name."""
    heads = {"manifest.md": (_MANIFEST_HEAD, MANIFEST), "training_settings.md": (_SETTINGS_HEAD, TRAINING_SETTINGS)}
    return {
        name: "\n".join([head, *(line for title, model in sections.items() for line in section(title, model))])
        for name, (head, sections) in heads.items()
    }


if __name__ == "__main__":
    for name, page in pages().items():
        Path(__file__).with_name(name).write_text(page, encoding="utf-8")
