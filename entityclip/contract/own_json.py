"""Reads the JSON that this package writes itself, and that may have been damaged since.

Only what the package may have written passes: UTF-8, not nested deeply, without NUL and unpaired surrogates. So callers
meet one kind of error, whatever happened to the file.
"""

import json
import math
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from entityclip.contract.errors import ContractError
from entityclip.contract.settings_errors import plain_message

MOST_NESTED = 64
_ODD = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])|\d{19}|[eE]\+?\d{3}")  # of what may be no plain value
_LARGEST = 2**63

Count = Annotated[int, Field(strict=True, ge=0, le=2**53)]


def parse_json(content: bytes, what: str = "it") -> Any:
    """Parse JSON that this package wrote; `what` names it in messages.

    Raises:
        ContractError: the content is not JSON in UTF-8, is nested more than 64 levels deep, has a NUL or an unpaired
            surrogate in a text, or a number that is not finite or beyond 64 bits.
    """
    if not content.strip():
        raise ContractError(f"{what} is not JSON: there is nothing in it")
    try:
        plain = json.loads(content.decode("utf-8"), parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise ContractError(f"{what} is not JSON: byte {error.start:,} is not UTF-8") from error
    except ValueError as error:
        raise ContractError(f"{what} is not JSON: {error}") from error
    except (RecursionError, MemoryError) as error:
        raise ContractError(f"{what} is nested too deeply") from error
    if content.count(b"[") + content.count(b"{") > MOST_NESTED or _ODD.search(content):
        _check_values(plain, what)
    return plain


def parse_object(content: bytes, what: str = "it") -> dict[str, Any]:
    """Parse a JSON object that this package wrote. Raises ContractError as `parse_json`, and for any other value."""
    plain = parse_json(content, what)
    if not isinstance(plain, dict):
        raise ContractError(f"{what} is not a mapping, but a {type(plain).__name__}")
    return plain


def read_object(path: Path) -> dict[str, Any]:
    """Read a file with a JSON object that this package wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ContractError: as `parse_object`; or the file cannot be read, with the OSError as cause.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ContractError(f"it cannot be opened: {error.strerror}") from error
    return parse_object(content)


def check_shape(plain: Any, shape: TypeAdapter[Any]) -> None:
    """Check the fields of a parsed record. Raises ContractError that names the first field that is missing or wrong."""
    try:
        shape.validate_python(plain)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0] | {"input": None}
        where = ".".join(str(part) for part in wrong["loc"])[:100]
        raise ContractError(f"invalid field {where}: {plain_message(wrong)}") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _check_values(plain: Any, what: str) -> None:
    """Check depth and texts without recursion, which a hostile file would exhaust."""
    level = [plain]
    for _ in range(MOST_NESTED + 1):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += value.keys()
                below += value.values()
            elif isinstance(value, list):
                below += value
            elif isinstance(value, str) and not is_plain_text(value):
                raise ContractError(f"{what} has a text with a NUL or an unpaired surrogate")
            elif _is_odd_number(value):
                raise ContractError(f"{what} has a number that is not finite, or beyond 64 bits")
        if not below:
            return
        level = below
    raise ContractError(f"{what} is nested too deeply, more than {MOST_NESTED} levels")


def _is_odd_number(value: Any) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    return isinstance(value, int) and not -_LARGEST <= value < 2 * _LARGEST


def is_plain_text(text: str) -> bool:
    """Return whether a text can be part of file names and of UTF-8."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
