"""The sandbox that prompt templates are rendered in: no way out, no chance, and nothing that fills the memory.

Jinja's own sandbox refuses private attributes and unsafe calls. A template file may come from anybody, so here every
way to make a huge text is bounded too; and what differs from one rendering to the next (`lipsum`, `random`, addresses
in memory) is refused, because a row's key is made of its rendered messages. Time is not bounded.
"""

import math
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError

MAX_CHARACTERS = 1_000_000
_MAX_WORK = 10**9  # product of the sizes of what a call is given, which bounds what it can return
_MAX_BITS = 4096
_MAX_ITEMS = 100_000
_WITH_WIDTHS = {"format", "format_map"}  # "{:999999999}" hides its size in the text


class _BoundedConcatenation(CodeGenerator):
    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802
        """`a ~ b`, which Jinja compiles to an unbounded join."""
        self.write("environment.concat(map(environment.plain, (")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write(")))")


class PromptSandbox(ImmutableSandboxedEnvironment):
    """Compiles prompt templates; what they must not do raises a `jinja2.TemplateError` as they are rendered."""

    code_generator_class = _BoundedConcatenation
    intercepted_binops = frozenset(("+", "*", "**", "%"))

    def __init__(self) -> None:
        super().__init__(undefined=jinja2.StrictUndefined, autoescape=False, finalize=_writable)
        self.globals.clear()  # range, lipsum, namespace, ...: a prompt has nothing to count, and no state to carry
        for name in ("random", "format"):
            del self.filters[name]
        self.filters.update({name: _bounded(function) for name, function in self.filters.items()})

    @staticmethod
    def concat(parts: Iterable[str]) -> str:
        """Join what a template, macro or block has made, within the bound."""
        texts = []
        length = 0
        for part in parts:
            length += len(part)
            if length > MAX_CHARACTERS:
                raise SecurityError(f"it becomes longer than {MAX_CHARACTERS:,} characters")
            texts.append(part)
        return "".join(texts)

    @staticmethod
    def plain(value: object) -> str:
        """A value as `~` and `{{ }}` write it."""
        return str(_writable(value))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """An operator that can make much of little."""
        if isinstance(left, str) and operator == "%":
            raise SecurityError("formatting with % is not for prompts; write values with {{ }}")
        numbers = isinstance(left, int) and isinstance(right, int)
        if operator == "*":
            too_much = (
                left.bit_length() + right.bit_length() > _MAX_BITS
                if numbers
                else _size(left) * _size(right) > MAX_CHARACTERS
            )
        elif operator == "**":
            too_much = numbers and left.bit_length() * abs(right) > _MAX_BITS
        else:
            too_much = not numbers and _size(left) + _size(right) > MAX_CHARACTERS
        if too_much:
            raise SecurityError(f"the result of {operator} is too large for a prompt")
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Call a method or a macro."""
        if getattr(__obj, "__name__", "") in _WITH_WIDTHS:
            raise SecurityError("format() is not for prompts; write values with {{ }}")
        owner = getattr(__obj, "__self__", None)
        _check_work([owner, *args, *kwargs.values()])
        return _checked(super().call(__context, __obj, *args, **kwargs))


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)  # keeps the mark that says whether Jinja passes its context
    def bounded(*args: Any, **kwargs: Any) -> Any:
        _check_work([*args, *kwargs.values()])
        return _checked(function(*args, **kwargs))

    return bounded


def _check_work(arguments: list[Any]) -> None:
    if math.prod(_size(argument) for argument in arguments) > _MAX_WORK:
        raise SecurityError("a call with arguments so large is not for prompts")


def _checked(result: Any) -> Any:
    if _size(result) > MAX_CHARACTERS and not isinstance(result, int):
        raise SecurityError(f"it becomes longer than {MAX_CHARACTERS:,} characters")
    return result


def _writable(value: object) -> object:
    """Only texts and numbers: a list would be written as Python code, a method with its address in memory."""
    if value is None or isinstance(value, str | int | float | jinja2.Undefined):
        return value
    raise SecurityError(f"a {type(value).__name__} cannot be written into a prompt; join or index it")


def _size(value: object) -> int:
    """Characters of a text, the absolute value of a whole number, all that is in a container; at least 1."""
    size, waiting, looked_at = 0, [value], 0
    while waiting:
        looked_at += 1
        if looked_at > _MAX_ITEMS:
            raise SecurityError(f"a list of more than {_MAX_ITEMS:,} values is not for prompts")
        one = waiting.pop()
        if isinstance(one, str):
            size += len(one)
        elif isinstance(one, int):
            size += abs(one)
        elif isinstance(one, list | tuple | set | frozenset):
            size += 1
            waiting += one
        elif isinstance(one, dict):
            size += 1
            waiting += [*one.keys(), *one.values()]
    return max(size, 1)
