"""Prompt templates: system part, user part and optional examples, rendered in a sandbox. Names contain a version."""

from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta
from jinja2.runtime import Context
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from entityclip.contract.errors import ContractError
from entityclip.contract.settings_errors import explain
from entityclip.contract.yaml_file import load_yaml
from pipeline.errors import PipelineError
from pipeline.files.visible_text import visible
from pipeline.pair import Pair
from pipeline.prompts.budget import start
from pipeline.prompts.sandbox import PromptSandbox

Message = dict[str, str]

_SANDBOX = PromptSandbox()
_REASON = 300  # most characters of a template's error that are repeated


class PromptExample(BaseModel):
    """A few-shot example: a caption and a good explanation of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    caption: str = Field(description="caption of the example")
    explanation: str = Field(description="explanation of the example, sent verbatim as the answer of the assistant")
    topic: str | None = Field(default=None, description="topic of the example; needed if `user` contains `topic`")
    id: str | None = Field(default=None, description="id of the example; needed if `user` contains `id`")

    @property
    def variables(self) -> dict[str, Any]:
        """The values of the variables in the user part."""
        known = {"caption": self.caption, "topic": self.topic}
        return known if self.id is None else {**known, "id": self.id}


class PromptTemplate(BaseModel):
    """A chat prompt in Jinja. Variables: `caption`, `id`, `topic`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="template name with a version, such as news-v1; change it whenever the text changes")
    system: str = Field(default="", description="system message; empty for models without a system role")
    user: str = Field(min_length=1, description="user message")
    examples: tuple[PromptExample, ...] = Field(
        default=(),
        description="few-shot examples, each sent as a user message (rendered from `user`) and an assistant message",
    )

    @cached_property
    def _turns(self) -> "list[Message | _Part]":
        """The turns of the chat; parts without variables are already rendered. Raises PipelineError if that fails."""
        where = ""
        turns: list[Message | _Part] = []
        try:
            if self.system.strip():
                turns.append(_Part("system", self.system).fixed())
            user = _Part("user", self.user)
            for number, example in enumerate(self.examples, start=1):
                where = f", example {number}"
                turns.append({"role": "user", "content": user.text(example.variables)})
                turns.append({"role": "assistant", "content": example.explanation})
            where = ""
            return [*turns, user.fixed()]
        except Exception as error:  # a template can raise any exception
            raise self._error(error, where) from error

    def render(self, pair: Pair) -> list[Message]:
        """Return the chat messages for one pair.

        Raises:
            PipelineError: the template uses an unknown variable, violates the sandbox, or fails.
        """
        variables = {"caption": pair.caption, "id": pair.id, "topic": pair.topic}
        turns = self._turns
        try:
            return [
                {"role": turn.role, "content": turn.text(variables)} if isinstance(turn, _Part) else turn
                for turn in turns
            ]
        except Exception as error:
            raise self._error(error, f", pair {pair.id!r}") from error

    def _error(self, error: Exception, where: str) -> PipelineError:
        reason = _reason(error)
        short = visible(" ".join(reason.split()), _REASON)  # it may contain values, which may be long and hostile
        return PipelineError(
            f"prompt template {visible(self.name)}{where}: {short}; allowed variables: caption, id, topic"
        )


class _Part:
    """A template's system or user part, compiled."""

    def __init__(self, role: str, source: str) -> None:
        self.role = role
        self._names = jinja2.meta.find_undeclared_variables(_SANDBOX.parse(source))
        self._template = _SANDBOX.from_string(source)

    def text(self, variables: dict[str, Any]) -> str:
        """Render the part like `Template.render`, but without merging the (empty) globals, which is slow."""
        template = self._template
        start()
        context = Context(_SANDBOX, variables, template.name, template.blocks)
        return _SANDBOX.concat(template.root_render_func(context))

    def fixed(self) -> "Message | _Part":
        """Return the rendered message if the part has no variables, otherwise the part itself."""
        return self if self._names else {"role": self.role, "content": self.text({})}


def _reason(error: Exception) -> str:
    if isinstance(error, jinja2.TemplateSyntaxError):
        return f"line {error.lineno}: {error.message}"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error) if isinstance(error, jinja2.TemplateError) else f"{type(error).__name__}: {error}"


def load_prompt(name_or_path: str, base: Path) -> PromptTemplate:
    """Load a shipped template by its name (such as `news-v1`), or a YAML file by its path relative to `base`.

    Raises:
        PipelineError: there is no such template, or it is invalid.
    """
    shipped = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.yaml"))}
    path = shipped.get(name_or_path, base / name_or_path)
    if not path.is_file():
        raise PipelineError(
            f"prompt template {name_or_path!r} is neither shipped ({', '.join(shipped)}) nor a file at {path}"
        )
    try:
        template = PromptTemplate.model_validate(load_yaml(path))
        template._turns  # noqa: B018 - report errors in it now, not at the first row
    except ValidationError as error:
        wrong = "; ".join(f"{key}: {why}" for key, why in explain(error, PromptTemplate, show_values=False))
        raise PipelineError(f"{path}: {wrong}") from error
    except (ContractError, PipelineError) as error:
        raise PipelineError(f"{path}: {error}") from error
    return template
