"""Turns JSON answers into sentences: `Name: text.` for each entity."""

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

_NAME_KEYS = ("name", "entity", "named_entity", "title", "term", "label", "person", "word")
_TEXT_KEYS = (
    "explanation", "description", "text", "details", "detail", "answer", "summary", "definition", "info", "meaning",
    "about", "value", "visual_description", "appearance", "content",
)  # fmt: skip
_LEFT_OUT = ("caption", "type", "category", "kind", "id", "index", "language", "role_in_caption")
_WRAPPERS = re.compile(
    r"(?:named[ _]?)?entit(?:y|ies)|explanations?|descriptions?|results?|answers?|output|"
    r"response|items|data|text|summary|content",
    re.IGNORECASE,
)
_FENCE = re.compile(r"\A```[\w+-]*\s*(.*?)\s*```.*\Z", re.DOTALL)
_DECODER = json.JSONDecoder(strict=False)


def sentences_of_json(text: str) -> str | None:
    """Return the sentences of a text that is a JSON object or list (fenced or not), or None if it is anything else."""
    rest = ""
    if fence := _FENCE.match(text):  # what follows it is an offer of further help
        text = fence[1]
    if text[:1] not in "{[" or len(text) < 2:
        return None
    value: Any
    try:
        value, end = _DECODER.raw_decode(text)
        rest = text[end:] + rest
    except (ValueError, RecursionError):
        try:
            value = ast.literal_eval(text)  # a dict as Python writes it
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            return None
    if not isinstance(value, dict | list) or any(c.isalnum() for c in rest.split("\n\n")[0]):
        return None
    try:
        sentences = list(_sentences(value))
    except RecursionError:
        return None
    return " ".join(sentences) if sentences or not value else None


def _sentences(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        lower = {key.lower(): item for key, item in value.items() if isinstance(key, str)}
        title = next((lower[key] for key in _NAME_KEYS if isinstance(lower.get(key), str)), None)
        texts = [lower[key] for key in _TEXT_KEYS if isinstance(lower.get(key), str)]
        if title is not None and texts:
            yield _sentence(title, " ".join(map(_ended, texts)))
        elif texts and len(texts) == len([key for key in lower if key not in _LEFT_OUT]):
            yield _sentence(name, " ".join(map(_ended, texts)))
        else:
            for key, item in value.items():
                if str(key).lower() not in _LEFT_OUT:
                    yield from _sentences(item, name if _WRAPPERS.fullmatch(str(key)) else str(key))
    elif isinstance(value, list):
        if name and value and all(isinstance(item, str) for item in value):
            yield _sentence(name, ", ".join(value))
        else:
            for item in value:
                yield from _sentences(item, name)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield _sentence(name, str(value))
    elif name:
        yield _sentence(name, "unknown")  # null


def _sentence(name: str, text: str) -> str:
    return _ended(f"{name.strip()}: {text.strip()}" if name.strip() else text.strip())


def _ended(text: str) -> str:
    text = text.strip()
    return text if not text or text[-1] in ".!?…。！？" else f"{text}."  # noqa: RUF001
