"""The sandbox for rendering prompt templates: no code execution, no randomness, bounded memory.

Jinja's own sandbox refuses private attributes and unsafe calls. Because template files may be untrusted, every
operation that can produce a huge text is bounded here, but rendering time is not. Anything that differs between
renderings (`lipsum`, `random`, memory addresses) is refused, because a row's key depends on its rendered messages.
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
_MAX_WORK = 10**9  # product of the sizes of a call's arguments, which bounds the size of its result
_TOO_LONG = f"the text becomes longer than {MAX_CHARACTERS:,} characters"
_MAX_BITS = 4096
_MAX_ITEMS = 100_000
_WITH_WIDTHS = {"format", "format_map"}  # "{:999999999}" produces a huge text from a short one


class _BoundedConcatenation(CodeGenerator):
    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802
        """Compile `a ~ b`, for which Jinja generates an unbounded join."""
        self.write("environment.concat(map(environment.plain, (")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write(")))")


class PromptSandbox(ImmutableSandboxedEnvironment):
    """Compiles prompt templates; forbidden operations raise a `jinja2.TemplateError` during rendering."""

    code_generator_class = _BoundedConcatenation
    intercepted_binops = frozenset(("+", "*", "**", "%"))

    def __init__(self) -> None:
        super().__init__(undefined=jinja2.StrictUndefined, autoescape=False, finalize=_writable)
        self.globals.clear()  # range, lipsum, namespace, ...: a prompt does not need them
        for name in ("random", "format"):
            del self.filters[name]
        self.filters.update({name: _bounded(function) for name, function in self.filters.items()})

    @staticmethod
    def concat(parts: Iterable[str]) -> str:
        """Join the output of a template, macro or block; raise SecurityError if it exceeds the limit."""
        texts = []
        length = 0
        for part in parts:
            length += len(part)
            if length > MAX_CHARACTERS:
                raise SecurityError(_TOO_LONG)
            texts.append(part)
        return "".join(texts)

    @staticmethod
    def plain(value: object) -> str:
        """Convert a value to text, as `~` and `{{ }}` do."""
        return str(_writable(value))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Evaluate an operator whose result may be much larger than its operands."""
        if isinstance(left, str) and operator == "%":
            raise SecurityError("formatting with % is not allowed in prompts; write values with {{ }}")
        numbers = isinstance(left, int) and isinstance(right, int)
        if operator == "**":
            too_much = numbers and left.bit_length() * abs(right) > _MAX_BITS
        elif numbers:
            too_much = operator == "*" and left.bit_length() + right.bit_length() > _MAX_BITS
        elif operator == "*":
            too_much = _size(left) * _size(right) > MAX_CHARACTERS
        else:
            too_much = _size(left) + _size(right) > MAX_CHARACTERS
        if too_much:
            raise SecurityError(f"the result of {operator} is too large for a prompt")
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Call a method or a macro, refusing arguments and results that are too large."""
        if getattr(__obj, "__name__", "") in _WITH_WIDTHS:
            raise SecurityError("format() is not allowed in prompts; write values with {{ }}")
        owner = getattr(__obj, "__self__", None)
        _check_work([owner, *args, *kwargs.values()])
        return _checked(super().call(__context, __obj, *args, **kwargs))


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)  # keeps the attribute that tells Jinja to pass its context
    def bounded(*args: Any, **kwargs: Any) -> Any:
        _check_work([*args, *kwargs.values()])
        return _checked(function(*args, **kwargs))

    return bounded


def _check_work(arguments: list[Any]) -> None:
    if math.prod(_size(argument) for argument in arguments) > _MAX_WORK:
        raise SecurityError("the arguments of a call are too large for a prompt")


def _checked(result: Any) -> Any:
    if _size(result) > MAX_CHARACTERS and not isinstance(result, int):
        raise SecurityError(_TOO_LONG)
    return result


def _writable(value: object) -> object:
    """Accept only texts and numbers; a list would be written as Python code, and a method with a memory address."""
    if value is None or isinstance(value, str | int | float | jinja2.Undefined):
        return value
    raise SecurityError(f"a {type(value).__name__} cannot be written into a prompt; join or index it")


def _size(value: object) -> int:
    """Return a text's length, an integer's absolute value, or the total size of a container, but at least 1."""
    size, stack, visited = 0, [value], 0
    while stack:
        visited += 1
        if visited > _MAX_ITEMS:
            raise SecurityError(f"a list of more than {_MAX_ITEMS:,} values is not allowed in prompts")
        item = stack.pop()
        if isinstance(item, str):
            size += len(item)
        elif isinstance(item, int):
            size += abs(item)
        elif isinstance(item, list | tuple | set | frozenset | dict):
            size += 1
            stack += [*item.keys(), *item.values()] if isinstance(item, dict) else item
    return max(size, 1)
