"""Explains why pydantic rejected settings; the message for a misspelt key suggests the nearest valid key."""

import difflib
import reprlib
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from entityclip.contract.locations import has_credentials

_MAX_ERRORS = 30
_SHORT = reprlib.Repr()  # for values in messages, because YAML aliases may expand to thousands of values
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 2, 120, 120


def explain(error: ValidationError, model: type[BaseModel], *, show_values: bool) -> Iterator[tuple[str, str]]:
    """Yield the dotted key and the message of each error, for at most 30 errors.

    Args:
        show_values: append invalid values to the messages, except for URLs with credentials.
    """
    errors = error.errors(include_url=False, include_input=show_values)
    for item in errors[:_MAX_ERRORS]:
        message = item["msg"][:500]
        if item["type"] == "extra_forbidden":
            valid = _valid_keys(model, item["loc"][:-1])
            near = difflib.get_close_matches(str(item["loc"][-1])[:100], valid, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"valid keys: {', '.join(valid)}"
            message = f"unknown key; {hint}"
        elif show_values and item["type"] != "missing":
            value = item["input"]
            if not (isinstance(value, str) and has_credentials(value)):
                message += f", got {_SHORT.repr(value)}"
        yield ".".join(str(part)[:100] for part in item["loc"]), message
    if (more := len(errors) - _MAX_ERRORS) > 0:
        yield "...", f"{more:,} more errors"


def _valid_keys(model: type[BaseModel], section: tuple[int | str, ...]) -> list[str]:
    models = [model]
    for part in section:
        fields = [m.model_fields[part] for m in models if part in m.model_fields]
        if fields:
            models = [found for field in fields for found in models_in(field.annotation)]
        else:  # an index in a list, or the value of `kind` in a union of models
            kinds = [m for m in models if "kind" in m.model_fields]
            models = [m for m in kinds if part in get_args(m.model_fields["kind"].annotation)] or models
    return list(dict.fromkeys(key for m in models for key in m.model_fields))


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the pydantic models that occur in a type annotation, but not the models of their fields."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]
