"""Opens the URLs in a manifest, and finds the folder that contains a pattern's matches (see readers/sources.py)."""

from collections.abc import Iterable, Mapping
from itertools import takewhile
from pathlib import PurePosixPath

import pyarrow.fs as pa_fs

from entityclip.contract import file_systems
from entityclip.contract.errors import ContractError
from entityclip.contract.locations import is_url
from pipeline.errors import PipelineError

PATTERN = "*?[{"


def open_file_system(url: str, what: str) -> tuple[pa_fs.FileSystem, str]:
    """Call the contract's `open_file_system`, but raise a PipelineError whose message begins with `what`."""
    try:
        return file_systems.open_file_system(url)
    except ContractError as error:
        raise PipelineError(f"{what}: {error}") from error


def fixed_folder(file: str | Iterable[str] | Mapping[str, str | Iterable[str]]) -> str:
    """Return the folder that contains all matches: the leading components of the first pattern, without wildcards."""
    while not isinstance(file, str):
        file = next(iter(file.values() if isinstance(file, Mapping) else file), "")
    address, _, query = file.partition("?") if is_url(file) else (file, "", "")
    scheme, separator, path = address.rpartition("://")
    fixed = list(takewhile(lambda part: not any(c in part for c in PATTERN), PurePosixPath(path).parts[:-1]))
    folder = f"{scheme}{separator}{PurePosixPath(*fixed) if fixed or not scheme else ''}"
    return f"{folder}?{query}" if query else folder
