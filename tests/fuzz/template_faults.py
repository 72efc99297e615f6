"""Faults that the sandbox had, or was kept from having, put back so that the fuzz can show that it finds them."""

from collections.abc import Callable, Iterator
from typing import Any

from jinja2.defaults import DEFAULT_FILTERS
from jinja2.sandbox import SandboxedEnvironment

from pipeline.prompts import budget, operations, sandbox, template

Put = Callable[[Any, str, Any], None]  # such as `setattr`, or pytest's, which takes it back


def _nothing(*_args: Any, **_kwargs: Any) -> int:
    return 1


def _as_it_is(value: Any) -> Any:
    return value


def _addresses_are_texts(put: Put) -> None:
    put(sandbox.PromptSandbox, "getattr", SandboxedEnvironment.getattr)
    put(budget, "not_plain", lambda value: ValueError("never raised"))
    for module in (sandbox, operations):
        put(module, "read", _nothing)
        put(module, "made", _as_it_is)
    put(sandbox, "size_of", _nothing)
    put(template._SANDBOX, "finalize", _as_it_is)


def _generators_are_values(put: Put) -> None:
    def written(value: Any) -> Any:
        return value if isinstance(value, Iterator) else budget.made(value)

    def read(*values: Any) -> None:
        budget.read(*(value for value in values if not isinstance(value, Iterator)))

    put(operations, "made", written)
    put(operations, "read", read)


def _widths_have_no_bound(put: Put) -> None:
    put(operations, "_fits", _nothing)


def _steps_have_no_bound(put: Put) -> None:
    put(operations, "_step", _nothing)
    put(budget, "_list_of", list)


def _output_has_no_bound(put: Put) -> None:
    put(sandbox.PromptSandbox, "concat", staticmethod("".join))


def _errors_are_pythons(put: Put) -> None:
    put(template.PromptTemplate, "_error", lambda _self, error, _where: error)


def _messages_have_no_bound(put: Put) -> None:
    put(template, "visible", lambda text, _limit=None: text)


def _it_is_random(put: Put) -> None:
    choose = operations._limited(DEFAULT_FILTERS["random"], None)
    put(template._SANDBOX, "filters", {**template._SANDBOX.filters, "first": choose, "last": choose, "unique": choose})


def _hashes_order_it(put: Put) -> None:
    unique = operations._limited(lambda values: list(set(values)), None)
    put(template._SANDBOX, "filters", {**template._SANDBOX.filters, "unique": unique, "list": unique})


FAULTS: dict[str, Callable[[Put], None]] = {
    "addresses are texts": _addresses_are_texts,
    "generators are values": _generators_are_values,
    "widths have no bound": _widths_have_no_bound,
    "steps have no bound": _steps_have_no_bound,
    "output has no bound": _output_has_no_bound,
    "errors are Python's": _errors_are_pythons,
    "messages have no bound": _messages_have_no_bound,
    "it is random": _it_is_random,
    "hashes order it": _hashes_order_it,
}
BETWEEN_PROCESSES = {"hashes order it"}  # only two processes show these
