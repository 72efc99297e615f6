"""Readable messages for an invalid manifest, with the nearest valid key for a misspelt one."""

import difflib
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

_MOST_ERRORS = 30


def explain(error: ValidationError, model: type[BaseModel]) -> Iterator[str]:
    """Yield one line per error: its location, what is wrong, and the nearest valid key for a misspelt one."""
    errors = error.errors(include_url=False, include_input=False)
    for item in errors[:_MOST_ERRORS]:
        where = ".".join(str(part)[:100] for part in item["loc"])
        if item["type"] == "extra_forbidden":
            misspelt = str(item["loc"][-1])[:100]
            near = difflib.get_close_matches(misspelt, known_keys(model), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            yield f"  {where}: unknown key{hint}"
        else:
            yield f"  {where}: {item['msg'][:500]}"
    if (more := len(errors) - _MOST_ERRORS) > 0:
        yield f"  and {more:,} more"


def known_keys(annotation: Any) -> set[str]:
    """Return the keys of every pydantic model in a type, recursively."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields
        return {*fields, *(key for field in fields.values() for key in known_keys(field.annotation))}
    return {key for part in get_args(annotation) for key in known_keys(part)}
