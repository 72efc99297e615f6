"""Reads the texts in the values of released JSON files, which may be texts, lists, or objects of several forms."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.readers.json_texts import text_of
from pipeline.readers.names import is_image_name

_DEEPEST = 6
# Fields that hold the text, the likeliest first; as in the outputs of transformers, vLLM and OpenAI's API.
_FIELDS = (
    "explanation explanations output outputs response responses answer answers generated_text completion completions "
    "prediction result text texts content message choices description descriptions"
).split()
_ROLES, _CONTENTS = ("role", "from"), ("content", "value")
_MODEL = ("assistant", "model", "gpt")


@dataclass(frozen=True, slots=True)
class Unusable:
    """A value without a text; `kind` says what it is instead."""

    kind: str


def entries_of(path: str, value: Any) -> Iterator[tuple[str, str | Unusable]]:
    """Yield the image path and text of each text in an entry, or what it is instead of one.

    A list yields each different text. An object yields the text in its usual field (`explanation`, `text`, ...) or in
    its only field, the answer of a chat, or, if its names are image paths, an entry for each with `path/` in front.
    """
    if isinstance(value, dict) and value and all(is_image_name(name) for name in value):
        for name, inside in value.items():
            yield from entries_of(f"{path}/{name}", inside)
        return
    for found in dict.fromkeys(_texts(value, _DEEPEST)):
        yield path, found


def _texts(value: Any, depth: int) -> Iterator[str | Unusable]:
    if not depth:
        yield Unusable("nested too deeply")
    elif isinstance(value, str):
        yield value
    elif isinstance(value, list):
        found = [text for one in value for text in _texts(one, depth - 1)]
        texts = [one for one in found if isinstance(one, str)]
        yield from texts or found[:1] or [Unusable("an empty list")]
    elif isinstance(value, dict):
        yield from _texts_of_object(value, depth)
    else:
        yield Unusable("null" if text_of(value) == "" else "a number or truth value")


def _texts_of_object(value: dict[str, Any], depth: int) -> Iterator[str | Unusable]:
    role = next((str(value[name]) for name in _ROLES if name in value), None)
    content = next((value[name] for name in _CONTENTS if name in value), None)
    if role is not None and content is not None:
        if role in _MODEL:
            yield from _texts(content, depth - 1)
        else:
            yield Unusable(f"a chat without an answer ({role[:20]})")
        return
    name = next((name for name in _FIELDS if name in value), None)
    if name is None and len(value) == 1:
        (name,) = value
    if name is not None:
        yield from _texts(value[name], depth - 1)
    else:
        fields = ", ".join(field[:30] for field in list(value)[:5])
        yield Unusable(f"an object with the fields {fields}" if value else "an empty object")
