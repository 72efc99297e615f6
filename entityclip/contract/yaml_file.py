"""Strict loading of hand-written YAML: plain values, unique keys, no aliases that expand to millions of values."""

import re
from pathlib import Path
from typing import Any

import yaml

from entityclip.contract.errors import ContractError

LONGEST = 2**20  # bytes
MOST_VALUES = 20_000
_SURROGATE = re.compile("[\ud800-\udfff]")


def load_yaml(path: Path) -> Any:
    """Load a YAML file.

    Raises:
        ContractError: the file cannot be read (with the OSError as cause), is longer than 1 MiB, is not UTF-8, or
            is rejected by `parse_yaml`.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise ContractError(f"the file cannot be read: {error}") from error
    if len(content) > LONGEST:
        raise ContractError(f"the file has more than {LONGEST:,} bytes; check that it is the right file")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ContractError(f"the file is not UTF-8 ({error}); save it as UTF-8") from error
    return parse_yaml(text)


def parse_yaml(text: str) -> Any:
    """Parse YAML like `yaml.safe_load`, but reject duplicate keys and limit the expansion of aliases.

    Raises:
        ContractError: the text is not valid YAML, or it contains a duplicate key in a mapping, a tag for a Python
            object, a NUL, or more than 20,000 values after expanding aliases.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # a SafeLoader
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # ValueError: a date 2001-99-99, or 5,000 digits
        raise ContractError(f"not valid YAML: {error}") from error
    except (RecursionError, AttributeError, TypeError) as error:  # the last two: `!!bool {}`, `!!timestamp x`
        raise ContractError("not valid YAML: it is nested too deeply, or a tag does not match its value") from error


class _Loader(yaml.SafeLoader):
    def get_single_node(self) -> yaml.Node | None:
        """Return the document's root node after checking it, before any object is constructed from it."""
        node: yaml.Node | None = super().get_single_node()
        if node is not None:
            _count_values(node, {}, set())
        return node


def _count_values(node: yaml.Node, known: dict[int, int], parents: set[int]) -> int:
    """Return the number of values in a node after expanding aliases; `parents` are the ids of enclosing nodes."""
    if id(node) in known:
        return known[id(node)]
    if id(node) in parents:
        raise yaml.YAMLError(f"an alias contains itself{node.start_mark}")
    parents.add(id(node))
    count = 1
    if isinstance(node, yaml.MappingNode):
        _check_keys(node)
        count += sum(_count_values(part, known, parents) for pair in node.value for part in pair)
    elif isinstance(node, yaml.SequenceNode):
        count += sum(_count_values(part, known, parents) for part in node.value)
    elif "\0" in node.value or _SURROGATE.search(node.value):  # a scalar
        raise yaml.YAMLError(f"a NUL character or an unpaired surrogate{node.start_mark}")
    parents.discard(id(node))
    if count > MOST_VALUES:
        raise yaml.YAMLError(f"more than {MOST_VALUES:,} values after expanding aliases,{node.start_mark}")
    known[id(node)] = count
    return count


def _check_keys(node: yaml.MappingNode) -> None:
    seen: set[tuple[str, str]] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if (key.tag, key.value) in seen:
                line = key.start_mark.line + 1
                raise yaml.YAMLError(f"line {line}: the key {key.value!r} occurs twice; remove one of them")
            seen.add((key.tag, key.value))
