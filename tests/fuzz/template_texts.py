"""Writes random prompt templates: filters, tests, methods, operators, loops and macros over values of every kind."""

import random

from jinja2.defaults import DEFAULT_FILTERS, DEFAULT_TESTS

_METHODS = (
    "upper lower title split rsplit splitlines partition strip center ljust rjust zfill expandtabs replace join count "
    "find index startswith encode format format_map translate maketrans isalpha casefold items keys values get copy "
    "pop append fromkeys update cycle changed unescape striptags __class__ __init__ bit_length to_bytes hex swapcase"
).split()
_ATTRIBUTES = [
    "upper",
    "split",
    "index",
    "length",
    "last",
    "nextitem",
    "grouper",
    "list",
    "a",
    "items",
    "__class__",
    "x",
]
_NUMBERS = [
    "0",
    "1",
    "-1",
    "2",
    "3",
    "10",
    "1000",
    "1000000",
    "1000000000",
    "-1000000000",
    "1.5",
    "1e308",
    "0xffffffff",
]
_NUMBERS += ["('nan' | float)", "99999999999999999999", "true", "none"]
_TEXTS = [
    "''",
    "'a'",
    "' '",
    "'a b c'",
    "'%s'",
    "'{0}'",
    "'<b>&'",
    "'\\n'",
    "'x' * 999",
    "'ab' * 99999",
    "'\u202e'",
    "'9' * 999",
]
_NAMES = ["caption", "caption", "caption", "id", "topic", "x", "y", "n", "n"]
_STRANGE_NAMES = ["missing", "loop", "self", "m", "varargs", "kwargs", "caller", "range"]
_OPERATORS = [
    "~",
    "~",
    "~",
    "==",
    "and",
    "or",
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "**",
    "~",
    "==",
    "!=",
    "<",
    ">=",
    "in",
    "not in",
    "and",
    "or",
]
_FILTERS = sorted(DEFAULT_FILTERS)
_TESTS = sorted(filter(str.isidentifier, DEFAULT_TESTS))
_PLAIN = (  # which do something to any text
    "upper lower title trim length e striptags tojson string wordcount reverse list first last capitalize safe unique "
    "center truncate indent wordwrap urlencode default"
).split()
_LISTS = "map('upper') batch(2) slice(2) select reject unique reverse items sort list dictsort groupby(0)".split()
_WIDE = "center indent batch slice round wordwrap(1,wrapstring=caption*9)| replace('',caption*999)|".split()
_PLAIN_METHODS = "upper lower title split strip splitlines casefold swapcase isalpha rsplit".split()


class Writer:
    """Writes one template from a random generator."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._left = rng.choice((1, 2, 4, 10))

    def template(self) -> str:
        """A template of a few statements."""
        head = "{% set x = id %}{% set y = 2 %}{% set n = caption.split()[:9] %}"
        body = self._body() if self._rng.random() < 0.3 else ""
        head += "{% macro m(x='', y=1) %}{{ caller() if caller else '' }}{{ y }}" + body + "{% endmacro %}"
        return head + "".join(self._statement(2) for _ in range(self._rng.choice((1, 1, 2))))

    def _body(self) -> str:
        return "".join(self._statement(2) for _ in range(self._rng.choice((1, 1, 2))))

    def _statement(self, depth: int) -> str:
        if self._rng.random() < 0.15:
            return self._pointed()
        kind = self._rng.randrange(16) if depth > 0 else 0
        inner = "" if kind < 8 else "".join(self._statement(depth - 1) for _ in range(self._rng.choice((1, 1, 2))))
        match kind:
            case 8:
                return "{% for x in " + self._expression() + " %}" + inner + "{% endfor %}"
            case 9:
                return (
                    "{% for x in caption * "
                    + self._number()
                    + " if "
                    + self._expression()
                    + " %}"
                    + inner
                    + "{% endfor %}"
                )
            case 10:
                return "{% set y %}" + inner + "{% endset %}{{ y }}"
            case 11:
                return "{% set x = " + self._expression() + " %}" + inner
            case 12:
                return "{% if " + self._expression() + " %}" + inner + "{% else %}{{ id }}{% endif %}"
            case 13:
                return "{% filter " + self._rng.choice(_FILTERS) + " %}" + inner + "{% endfilter %}"
            case 14:
                return "{% call m(" + self._expression() + ") %}" + inner + "{% endcall %}"
            case 15:
                times = self._rng.choice((2, 4, 9, 18))
                growth = self._rng.choice(
                    ("x ~ x", "x + x", "[x, x]", "(x,)", "{'a': x}", "x | tojson", "x | replace('', 'ab')")
                )
                return "{% set x = " + self._expression() + " %}" + ("{% set x = " + growth + " %}") * times + inner
            case 7:
                return self._rng.choice(("text <|im_end|> \u202e", "{# #}", "{% raw %}{{ x }}{% endraw %}"))
            case _:
                shown = self._expression() if self._rng.random() < 0.7 else f"({self._expression()}) | string"
                return (
                    "{{ "
                    + self._rng.choice((shown, f"({shown}) | string", f"[{shown}] | join", f"({shown}) | list | join"))
                    + " }}"
                )

    def _pointed(self) -> str:
        """A short statement that comes close to a limit, or to what has no text of its own."""
        value = self._rng.choice(("caption", "n", "id", "(caption ~ ' b c d a')", "caption.split()"))
        number = self._rng.choice((self._number(), "100000000"))
        match self._rng.randrange(9):
            case 0:
                return (
                    "{{ "
                    + f"{value} | {self._rng.choice(_LISTS)} | {self._rng.choice(('string', 'pprint', 'join'))}"
                    + " }}"
                )
            case 1:
                return "{{ " + f"(caption ~ 'a') | {self._rng.choice(('center', 'indent'))}({number}) | length" + " }}"
            case 2:
                name = self._rng.choice(("ljust", "rjust", "zfill", "center"))
                return "{{ " + f"(caption ~ 'a').{name}({number}) | length" + " }}"
            case 3:
                return (
                    "{{ " + f"{value} | {self._rng.choice(('batch', 'slice'))}({number}, 'x') | list | length" + " }}"
                )
            case 4 | 8:
                return (
                    "{{ " + f"('a b c ' ~ caption) | {self._rng.choice(('unique', 'first', 'last'))} | string" + " }}"
                )
            case 5:
                return "{% for x in 'ab' * 9 * y %}{{ 'a b c' * 9999 }}{% endfor %}"
            case 6:
                return "{{ " + f"(caption ~ 'x').{self._rng.choice(_PLAIN_METHODS)} | string" + " }}"
            case _:
                return "{{ " + f"{value}[{self._rng.choice(_TEXTS)}]" + " }}"

    def _expression(self) -> str:
        self._left -= 1
        if self._left < 0 or self._rng.random() < 0.15:
            return self._atom()
        inner = self._expression()
        match self._rng.randrange(13):
            case 0:
                return f"{inner} | {self._rng.choice(_PLAIN)}"
            case 1:
                if self._rng.random() < 0.3:
                    name = self._rng.choice(_WIDE)
                    return f"({inner} | {name.strip('|')})" if "(" in name else f"{inner} | {name}({self._number()})"
                return f"{inner} | {self._rng.choice(_LISTS)}"
            case 4:
                return f"({inner}).{self._rng.choice(_PLAIN_METHODS)}()"
            case 2 | 3:
                return f"{inner} | {self._rng.choice(_FILTERS)}{self._arguments()}"
            case 5:
                return f"({inner}).{self._rng.choice(_METHODS)}{self._arguments() or '()'}"
            case 6:
                return f"({inner}).{self._rng.choice([*_ATTRIBUTES, *_METHODS])}"
            case 7:
                return f"({inner}) {self._rng.choice(_OPERATORS)} {self._atom()}"
            case 8:
                return f"[{inner}, {self._atom()}]"
            case 9:
                place = self._rng.choice((self._atom(), "::-1", ":5", "1:", "0", "'x' * 999"))
                return f"({inner})[{place}]"
            case 10:
                return f"({inner} is {self._rng.choice(_TESTS)}{self._arguments() if self._rng.random() < 0.5 else ''})"
            case 11:
                return "{'a': " + inner + ", " + self._atom() + ": 1}"
            case _:
                return self._rng.choice((f"m({inner})", f"(x if {inner} else caption)", f"({inner}, {self._atom()})"))

    def _arguments(self) -> str:
        if self._rng.random() < 0.4:
            return ""
        given = [self._atom() for _ in range(self._rng.choice((0, 1, 1, 2, 3)))]
        if self._rng.random() < 0.25:
            name = self._rng.choice(
                ("attribute", "width", "count", "first", "default", "fill_with", "indent", "method", "start")
            )
            given.append(f"{name}={self._rng.choice((self._atom(), repr(self._rng.choice(_ATTRIBUTES))))}")
        return f"({', '.join(given)})"

    def _atom(self) -> str:
        match self._rng.randrange(7):
            case 0:
                return self._number()
            case 1:
                return self._rng.choice(_TEXTS)
            case 2 | 3:
                return self._rng.choice(_NAMES if self._rng.random() < 0.9 else _STRANGE_NAMES)
            case 4:
                return self._rng.choice(
                    ("caption.split()", "[1, 'a', none]", "{'a': 1, 'b': [2]}", "[{'a': 2}, {'a': 1}]", "(1, 2)", "[]")
                )
            case 5:
                return repr(self._rng.choice([*_FILTERS, *_ATTRIBUTES]))
            case _:
                return "caption"

    def _number(self) -> str:
        return self._rng.choice(_NUMBERS)
