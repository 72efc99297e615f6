"""Prompt templates: a system and a user part, versioned by name, rendered in a sandbox."""

from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import yaml
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import PipelineError
from pipeline.pair import Pair

Message = dict[str, str]

_SANDBOX = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, autoescape=False)


class PromptTemplate(BaseModel):
    """A chat prompt in two Jinja parts. Variables: `caption`, `id`, `topic`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="template name with its version, such as news-v1; a changed text gets a new one")
    system: str = Field(description="system message; empty for models without a system role")
    user: str = Field(description="user message")

    @cached_property
    def _parts(self) -> list[tuple[str, jinja2.Template]]:
        parts = [("system", self.system), ("user", self.user)]
        return [(role, _SANDBOX.from_string(text)) for role, text in parts if text.strip()]

    def render(self, pair: Pair) -> list[Message]:
        """The chat messages for one pair.

        Raises:
            PipelineError: the template asks for a variable that does not exist, or breaks the sandbox.
        """
        variables = {"caption": pair.caption, "id": pair.id, "topic": pair.topic}
        try:
            return [{"role": role, "content": part.render(variables)} for role, part in self._parts]
        except jinja2.TemplateError as error:
            raise PipelineError(f"prompt template {self.name}: {error}; it may use {', '.join(variables)}") from error


def load_prompt(name_or_path: str, base: Path) -> PromptTemplate:
    """A shipped template by name (`news-v1`), or one from a YAML file relative to `base`.

    Raises:
        PipelineError: there is no such template, or its file is not a valid one.
    """
    shipped = files("pipeline") / "prompts"
    known = sorted(entry.name.removesuffix(".yaml") for entry in shipped.iterdir() if entry.name.endswith(".yaml"))
    if name_or_path in known:
        source, text = name_or_path, (shipped / f"{name_or_path}.yaml").read_text(encoding="utf-8")
    else:
        path = base / name_or_path
        if not path.is_file():
            raise PipelineError(
                f"prompt template {name_or_path!r} is neither shipped ({', '.join(known)}) nor a file at {path}"
            )
        source, text = str(path), path.read_text(encoding="utf-8")
    try:
        content: Any = yaml.safe_load(text)
        template = PromptTemplate.model_validate(content)
        template._parts  # noqa: B018 - a syntax error shows now, not at the first row
    except (yaml.YAMLError, ValidationError, jinja2.TemplateSyntaxError) as error:
        raise PipelineError(f"prompt template {source}: {error}") from error
    return template
