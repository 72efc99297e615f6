"""Takes the text out of a choice: of a completion or a chat, whole or in parts, with split-off thinking."""

from typing import Any

_REASONING = ("reasoning", "reasoning_content", "thinking")  # names of the field, by server and version
_TEXT_PARTS = ("text", "output_text", None)
_THINKING_PARTS = ("thinking", "reasoning")


class UnknownContentError(ValueError):
    """Content that has parts other than text."""


def text_of(choice: dict[str, Any], finish_reason: str) -> str | None:
    """Return the text as the model generated it, with split-off thinking put back; None if there is no text.

    Raises:
        UnknownContentError: the content has parts other than text.
    """
    if "message" not in choice:
        message, text = choice, choice.get("text")
        thinking = ""
    else:
        message = choice["message"]
        if not isinstance(message, dict):
            return None
        content = message.get("content")
        text, thinking = _joined(content) if isinstance(content, list) else (content, "")
        if text is None:  # nothing but thinking, a refusal, or nothing at all
            text = message.get("refusal") or ""
    if not isinstance(text, str):
        return None
    given = (message.get(key) for key in _REASONING)
    thinking = thinking or next((value for value in given if isinstance(value, str) and value), "")
    if not thinking:
        return text
    return f"<think>{thinking}</think>{text}" if text or finish_reason == "stop" else f"<think>{thinking}"


def _joined(parts: list[Any]) -> tuple[str, str]:
    """Return the text and the thinking in a list of parts."""
    texts: list[str] = []
    thoughts: list[str] = []
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else None
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict) and kind in _TEXT_PARTS and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif kind in _THINKING_PARTS:
            inner = next((part[key] for key in (kind, "text") if key in part), "")
            thoughts.append(_joined(inner)[0] if isinstance(inner, list) else str(inner))
        else:
            what = repr(kind[:60]) if isinstance(kind, str) else type(part).__name__
            raise UnknownContentError(f"the answer has a part of type {what}, which is no text")
    return "".join(texts), "".join(thoughts)
