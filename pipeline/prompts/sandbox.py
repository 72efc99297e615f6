"""The sandbox for rendering prompt templates: a pure function of the row, with bounded output, memory and work.

Jinja's own sandbox refuses private attributes and unsafe calls, but not huge results, and a row's key depends on its
rendered messages, so they must be the same in every process. Here templates handle plain values only (`budget.py`), by
listed filters, tests and methods only (`operations.py`); whatever makes a value spends from a budget.
"""

from collections.abc import Iterable
from types import BuiltinMethodType, MethodType
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import BlockReference, Context, LoopContext, Macro, TemplateReference
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError

from pipeline.prompts.budget import (
    CALL,
    ITEM,
    MAX_BITS,
    MAX_CALLS,
    MAX_CHARACTERS,
    STEP,
    left,
    made,
    not_plain,
    read,
    size_of,
    spend,
    too_long,
)
from pipeline.prompts.operations import METHODS, check_method, filters, tests

_MAX_TOKENS = 20_000  # of a template's source; a part of plain text is one
_MAX_BRACKETS = 30  # one in another; Jinja's parser and Python's compiler call themselves for each
_OF_LOOPS = frozenset("index index0 revindex revindex0 first last length previtem nextitem depth depth0".split())


class _Checked(CodeGenerator):
    """Compiles to calls of the sandbox what Jinja compiles to bare Python: lists, slices, `~`, and loops."""

    _called: nodes.Node | None = None

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802
        self.write("environment.concat(map(environment.plain, (")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write(")))")

    def visit_Include(self, node: Any, frame: Frame) -> None:  # noqa: N802
        self.fail("a prompt stands alone: it cannot include, import or extend another", node.lineno)

    visit_Import = visit_FromImport = visit_Extends = visit_Include  # noqa: N815

    def visit_For(self, node: nodes.For, frame: Frame) -> None:  # noqa: N802
        if node.recursive:
            self.fail("recursive loops are not allowed in prompts", node.lineno)
        parts = sum(1 for part in (*node.body, node.test) if part for _ in part.find_all(nodes.Node))
        each = nodes.EnvironmentAttribute("each", lineno=node.lineno)
        node.iter = nodes.Call(each, [node.iter, nodes.Const(parts)], [], None, None, lineno=node.lineno)
        super().visit_For(node, frame)

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:  # noqa: N802
        if isinstance(node.node, nodes.EnvironmentAttribute):
            self.write("environment.each(")
            for argument in node.args:
                self.visit(argument, frame)
                self.write(", ")
            self.write(")")
            return
        self._called = node.node
        super().visit_Call(node, frame, forward_caller=forward_caller)

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:  # noqa: N802
        self.write("environment.method(" if node is self._called else "environment.getattr(")
        self.visit(node.node, frame)
        self.write(f", {node.attr!r})")

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:  # noqa: N802
        self.write("environment.getitem(")
        self.visit(node.node, frame)
        self.write(", ")
        self.visit(node.arg, frame)
        self.write(")")

    def visit_Slice(self, node: nodes.Slice, frame: Frame) -> None:  # noqa: N802
        self.write("slice(")
        for end in (node.start, node.stop, node.step):
            if end is None:
                self.write("None")
            else:
                self.visit(end, frame)
            self.write(", ")
        self.write(")")

    def visit_Tuple(self, node: nodes.Tuple, frame: Frame) -> None:  # noqa: N802
        if node.ctx == "load":
            self._built(super().visit_Tuple, node, frame)
        else:
            super().visit_Tuple(node, frame)

    def visit_List(self, node: nodes.List, frame: Frame) -> None:  # noqa: N802
        self._built(super().visit_List, node, frame)

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:  # noqa: N802
        self._built(super().visit_Dict, node, frame)

    def _built(self, write: Any, node: nodes.Node, frame: Frame) -> None:
        self.write("environment.made(")
        write(node, frame)
        self.write(")")


class PromptSandbox(ImmutableSandboxedEnvironment):
    """Compiles prompt templates; forbidden operations raise a `jinja2.TemplateError` during rendering."""

    code_generator_class = _Checked
    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "**", "%"))

    def __init__(self) -> None:
        super().__init__(undefined=jinja2.StrictUndefined, autoescape=False, finalize=_writable, optimized=False)
        self.globals.clear()  # range, lipsum, namespace, ...: a prompt does not need them
        self.filters = dict(filters())
        self.tests = dict(tests())

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Parse a template that is not too large or deep to be compiled."""
        brackets = 0
        for number, (line, _, text) in enumerate(self.lexer.tokeniter(source, name, filename)):
            if number > _MAX_TOKENS:
                raise SecurityError(f"line {line}: a template of more than {_MAX_TOKENS:,} tokens is too large")
            brackets += (text in ("(", "[", "{")) - (text in (")", "]", "}"))
            if brackets > _MAX_BRACKETS:
                raise SecurityError(f"line {line}: more than {_MAX_BRACKETS} brackets in each other are too many")
        return super()._parse(source, name, filename)

    @staticmethod
    def concat(parts: Iterable[str]) -> str:
        """Join the output of a template, macro or block; raise SecurityError if it exceeds the limit."""
        texts = []
        length = 0
        for part in parts:
            length += len(part)
            if length > MAX_CHARACTERS:
                raise too_long()
            texts.append(part)
        spend(length)
        return "".join(texts)

    @staticmethod
    def plain(value: object) -> str:
        """Convert a value to text, as `~` and `{{ }}` do."""
        return str(_writable(value))

    @staticmethod
    def each(values: Any, parts: int) -> Any:
        """Return what a loop goes through, after taking the work of all its rounds from the budget.

        Args:
            parts: number of a round's parts, of each of which a text may remain until the loop ends.
        """
        if isinstance(values, jinja2.Undefined):
            return iter(values)  # raises its error
        size_of(values)
        if isinstance(values, str | list | tuple | dict):
            spend(len(values) * (ITEM + parts))
        return values

    @staticmethod
    def made(value: Any) -> Any:
        """Return a list, tuple or dict that the template wrote, if it is not too large."""
        return made(value)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return a value of a loop, group or dict. Methods are only called, as they have no text of their own."""
        spend(STEP)
        if isinstance(obj, jinja2.Undefined):
            return super().getattr(obj, attribute)
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        if (isinstance(obj, LoopContext) and attribute in _OF_LOOPS) or attribute in getattr(obj, "_fields", ()):
            return getattr(obj, attribute)
        if attribute in METHODS.get(type(obj), ()):
            raise SecurityError(f"{attribute} is a method: call it, as in {attribute}()")
        return self.undefined(obj=obj, name=attribute)

    def method(self, obj: Any, name: str) -> Any:
        """Return what is called by `obj.name()`: a listed method, a block of `self`, or a macro's caller in a dict."""
        if name in METHODS.get(type(obj), ()) or (isinstance(obj, LoopContext) and name in ("cycle", "changed")):
            return getattr(obj, name)
        if isinstance(obj, TemplateReference):
            return self.undefined(obj=obj, name=name) if name.startswith("_") else obj[name]
        return self.getattr(obj, name)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return an item or a slice of a text, list or dict."""
        if isinstance(obj, jinja2.Undefined):
            return super().getitem(obj, argument)
        if isinstance(argument, slice):
            read(argument.start, argument.stop, argument.step)
            if not isinstance(obj, str | list | tuple):
                raise not_plain(obj)
            return made(obj[argument])
        read(argument)
        if isinstance(obj, str | list | tuple | dict):
            try:
                return obj[argument]
            except (TypeError, LookupError):
                pass
        return self.getattr(obj, argument) if isinstance(argument, str) else self.undefined(obj=obj, name=argument)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Evaluate an operator whose result may be much larger than its operands."""
        read(left, right)
        if isinstance(left, str) and operator == "%":
            raise SecurityError("formatting with % is not allowed in prompts; write values with {{ }}")
        numbers = isinstance(left, int) and isinstance(right, int)
        if operator == "**" and numbers:
            too_much = left.bit_length() * abs(right) > MAX_BITS
        elif operator == "*" and not numbers:
            too_much = _repeated(left, right) > MAX_CHARACTERS
        else:
            too_much = False
        if too_much:
            raise SecurityError(f"the result of {operator} is too large for a prompt")
        return made(super().call_binop(context, operator, left, right))

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Call a method, macro or block, refusing arguments and results that are too large."""
        if isinstance(__obj, Macro | BlockReference):
            if left.calls == 0:
                raise SecurityError(f"macros in macros, more than {MAX_CALLS} deep, are not allowed in prompts")
            left.calls -= 1
            spend(CALL)
            try:
                return made(super().call(__context, __obj, *args, **kwargs))
            finally:
                left.calls += 1
        if isinstance(__obj, jinja2.Undefined):
            return __obj()  # raises its error
        if not isinstance(__obj, BuiltinMethodType | MethodType):
            raise SecurityError(f"a {type(__obj).__name__} cannot be called in a prompt")
        for name in ("_loop_vars", "_block_vars"):
            kwargs.pop(name, None)
        owner = __obj.__self__
        if isinstance(owner, LoopContext):
            spend(STEP)
            return __obj(*args, **kwargs)
        check_method(__obj.__name__, owner, args, kwargs)
        result = __obj(*args, **kwargs)
        return made(list(result) if isinstance(owner, dict) and __obj.__name__ not in ("get", "copy") else result)


def _repeated(left: Any, right: Any) -> int:
    """Return the size of a text or list times a number."""
    if isinstance(right, int):
        return size_of(left) * abs(right)
    return size_of(right) * abs(left) if isinstance(left, int) else 0


def _writable(value: object) -> object:
    """Accept only texts and numbers; a list would be written as Python code, and a method with a memory address."""
    if type(value) is str:
        return value
    size_of(value)
    if isinstance(value, list | tuple | dict):
        raise SecurityError(f"a {type(value).__name__} cannot be written into a prompt; join or index it")
    return value
