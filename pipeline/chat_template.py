"""Chooses and compiles the chat template of a tokenizer, and renders chats with it."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2

from pipeline.errors import PipelineError
from pipeline.prompts.template import Message

# What `strftime_now` returns in a template, so that a prompt does not change from day to day under the same key; it is
# the date that Llama's templates use if the function is missing.
FIXED_DATE = datetime(2024, 7, 26, 12, 0, 0)


def choose_chat_template(tokenizer: Any, name: str, source: str) -> str:
    """Return the chat template of a tokenizer: its only one, or of several the one named `default`.

    Args:
        name: the model's name, for messages.
        source: the model's folder, or its hub name.

    Raises:
        PipelineError: there is no template, there are several without a default, or it has a syntax error.
    """
    found = tokenizer.chat_template
    if not found:
        raise PipelineError(
            f"the tokenizer of model {name} has no chat template; use an instruct model, or save the template that it "
            "was trained with as chat_template.jinja in its folder"
        )
    key = "default"
    if isinstance(found, dict):
        if len(found) == 1:
            key = next(iter(found))
        elif key not in found:
            raise PipelineError(
                f"the tokenizer of model {name} has several chat templates ({', '.join(found)}), and none is named "
                "'default'; save the one to use as chat_template.jinja in a copy of its folder"
            )
    template = str(found[key] if isinstance(found, dict) else found)
    try:
        _compile(template)
    except jinja2.TemplateSyntaxError as error:
        where = _file(source, key, template)
        raise PipelineError(
            f"{where}, line {error.lineno}: the chat template has a syntax error: {error.message}"
        ) from error
    return template


def render_chats(tokenizer: Any, template: str, chats: list[Any], arguments: Mapping[str, Any]) -> list[str]:
    """Render chats with a chat template, including the generation prompt; the exceptions are the template's own.

    Args:
        arguments: what the manifest passes to the template, such as {"enable_thinking": False}.
    """
    rendered = tokenizer.apply_chat_template(
        chats,
        chat_template=template,
        add_generation_prompt=True,
        tokenize=False,
        strftime_now=FIXED_DATE.strftime,
        **arguments,
    )
    return list(rendered)


def in_parts(chat: list[Message]) -> list[dict[str, Any]]:
    """Return the chat with each content as a list of parts, as templates of vision-language models expect it."""
    return [{**message, "content": [{"type": "text", "text": message["content"]}]} for message in chat]


def why_it_failed(error: Exception) -> str:
    """Return the message of an exception that a chat template raised, on one line."""
    reason = str(error) if isinstance(error, jinja2.TemplateError) else f"{type(error).__name__}: {error}"
    return " ".join(reason.split()) or type(error).__name__


def _compile(template: str) -> None:
    from transformers.utils.chat_template_utils import render_jinja_template  # with transformers' extensions

    try:
        render_jinja_template([[]], chat_template=template, strftime_now=FIXED_DATE.strftime)
    except jinja2.TemplateSyntaxError:
        raise
    except Exception:
        pass


def _file(source: str, key: str, template: str) -> str:
    """Return the file that a template is in, as far as it can be told."""
    files = [Path(source) / "chat_template.jinja", Path(source) / "additional_chat_templates" / f"{key}.jinja"]
    for file in files:
        if file.is_file() and file.read_text(encoding="utf-8", errors="replace").strip() == template.strip():
            return str(file)
    return f"{Path(source) / 'tokenizer_config.json' if Path(source).is_dir() else source}: chat_template"
