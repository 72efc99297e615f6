"""The fields of a pydantic model as a section in Markdown, for the reference pages of both halves.

It is a module of its own because `pipeline` and `model` both need it and import neither each other.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

_BOUNDS = {"ge": ">= {}", "gt": "> {}", "le": "<= {}", "lt": "< {}", "max_length": "at most {}", "pattern": "`{}`"}
_NAMES = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path", NoneType: "null"}


def section(title: str, model: type[BaseModel]) -> Iterator[str]:
    """A heading, what the model says of itself, and a table of its fields."""
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
