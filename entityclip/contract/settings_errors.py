"""Explains why pydantic rejected settings, in plain words; for a misspelt key it suggests the nearest valid key."""

import difflib
import re
import reprlib
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from entityclip.contract.locations import has_credentials, without_secrets

_MAX_ERRORS = 30
_SHORT = reprlib.Repr()  # for values in messages, because YAML aliases may expand to thousands of values
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 2, 120, 120
_LABEL = re.compile(r".*[\[({].*|constrained-.*|str|int|float|bool|none")  # pydantic's name of a branch of a union
_WORDS = {
    "missing": "is required, but missing",
    "string_type": "must be text",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "path_type": "must be a path",
    "none_required": "must be null",
    "union_tag_invalid": "{discriminator} {tag!r} is not known; it must be one of {expected_tags}",
    "union_tag_not_found": "{discriminator} is required, but missing",
}


def explain(error: ValidationError, model: type[BaseModel], *, show_values: bool) -> Iterator[tuple[str, str]]:
    """Yield the dotted key and the message of each wrong value, for at most 30 of them.

    Args:
        show_values: append invalid values to the messages, except for URLs with credentials.
    """
    errors = error.errors(include_url=False, include_input=show_values)
    found: dict[str, list[str]] = {}  # several for a value that fits no branch of a union
    ends: dict[str, str] = {}
    for item in errors:
        loc = item["loc"][:-1] if item["loc"] and _LABEL.fullmatch(str(item["loc"][-1])) else item["loc"]
        key = ".".join(str(part)[:100] for part in loc)
        if key not in found and len(found) == _MAX_ERRORS:
            break
        message = plain_message(item)
        if item["type"] == "extra_forbidden":
            valid = _valid_keys(model, item["loc"][:-1])
            near = difflib.get_close_matches(str(item["loc"][-1])[:100], valid, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"valid keys: {', '.join(valid)}"
            message = f"unknown key; {hint}"
        elif show_values and item["type"] != "missing":
            value = item["input"]
            if not (isinstance(value, str) and has_credentials(value)):
                ends[key] = f", got {_SHORT.repr(_masked(value))}"
        found.setdefault(key, []).append(message)
    for key, messages in found.items():
        yield key, " or ".join(dict.fromkeys(messages)) + ends.get(key, "")
    if (more := len(errors) - sum(map(len, found.values()))) > 0:
        yield "...", f"{more:,} more errors"


def _masked(value: Any) -> Any:
    """Return a value with secrets in its URLs masked, before it is shortened so that they are not recognised."""
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    return {key: _masked(item) for key, item in value.items()} if isinstance(value, dict) else value


def plain_message(item: Mapping[str, Any]) -> str:
    """Return the message of one of pydantic's errors in plain words, such as `must be a whole number`."""
    words = _WORDS.get(item["type"])
    if words is not None:
        try:
            return words.format(**item.get("ctx", {})).replace("least 1 characters", "least 1 character")[:500]
        except KeyError:  # a version of pydantic that gives no such value
            pass
    message = str(item["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return message.replace("Input should be", "must be")[:500]


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
