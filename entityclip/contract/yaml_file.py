"""YAML files that people write: plain values, each key once, and no aliases that unfold into millions of values."""

import re
from pathlib import Path
from typing import Any

import yaml

from entityclip.contract.errors import ContractError

LONGEST = 2**20  # bytes
MOST_VALUES = 20_000
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def load_yaml(path: Path) -> Any:
    """The content of a YAML file.

    Raises:
        ContractError: it cannot be read (then caused by the OSError), is longer than 1 MiB, is not in UTF-8, or as
            `parse_yaml` does.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise ContractError(f"cannot be read: {error}") from error
    if len(content) > LONGEST:
        raise ContractError(f"longer than {LONGEST:,} bytes; is this the right file?")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ContractError(f"save it as UTF-8; it cannot be read as that: {error}") from error
    return parse_yaml(text)


def parse_yaml(text: str) -> Any:
    """As `yaml.safe_load`, but for keys that occur twice and aliases.

    Raises:
        ContractError: "not valid YAML", and why: among other reasons a key that is twice in one mapping, a tag that
            asks for an object, a NUL, or more than 20,000 values with aliases unfolded.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # a SafeLoader
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # ValueError: a date 2001-99-99, or 5,000 digits
        raise ContractError(f"not valid YAML: {error}") from error
    except (RecursionError, AttributeError, TypeError) as error:  # the last two: `!!bool {}`, `!!timestamp x`
        raise ContractError("not valid YAML: nested too deep, or a tag that does not fit its value") from error


class _Loader(yaml.SafeLoader):
    def get_single_node(self) -> yaml.Node | None:
        """The file as nodes, looked at before anything is built of them."""
        node: yaml.Node | None = super().get_single_node()
        if node is not None:
            _unfolded(node, {}, set())
        return node


def _unfolded(node: yaml.Node, known: dict[int, int], above: set[int]) -> int:
    """How many values a node stands for with its aliases unfolded; `above` are those that it lies in."""
    if id(node) in known:
        return known[id(node)]
    if id(node) in above:
        raise yaml.YAMLError(f"an alias of what it lies in{node.start_mark}")
    above.add(id(node))
    count = 1
    if isinstance(node, yaml.MappingNode):
        _check_keys(node)
        count += sum(_unfolded(part, known, above) for pair in node.value for part in pair)
    elif isinstance(node, yaml.ScalarNode):
        if "\0" in node.value or _HALF_CHARACTER.search(node.value):
            raise yaml.YAMLError(f"a NUL or half a character{node.start_mark}")
    elif isinstance(node, yaml.SequenceNode):
        count += sum(_unfolded(part, known, above) for part in node.value)
    above.discard(id(node))
    if count > MOST_VALUES:
        raise yaml.YAMLError(f"more than {MOST_VALUES:,} values, with aliases unfolded,{node.start_mark}")
    known[id(node)] = count
    return count


def _check_keys(node: yaml.MappingNode) -> None:
    seen: set[tuple[str, str]] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if (key.tag, key.value) in seen:
                line = key.start_mark.line + 1
                raise yaml.YAMLError(f"line {line}: the key {key.value!r} occurs twice; keep the one that is meant")
            seen.add((key.tag, key.value))
