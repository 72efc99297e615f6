"""Where data lies: local paths and URLs, and the file systems behind them. Patterns are in readers/sources.py."""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import pyarrow.fs as pa_fs

from pipeline.errors import PipelineError

PATTERN = "*?[{"


def is_url(location: str) -> bool:
    """Whether this names object storage or a server rather than a local folder."""
    return "://" in location


def open_file_system(url: str, what: str) -> tuple[pa_fs.FileSystem, str]:
    """The file system that serves a URL, and the path of the URL in it; `what` names it in errors.

    pyarrow's own file systems serve s3 and gs, fsspec's whatever else is installed (https, hf, sftp, memory, ...).
    Endpoint and region may stand in the URL (`s3://bucket/prefix?endpoint_override=http://minio:9000&region=eu-west-1`);
    credentials come from the environment, as that file system's documentation says, never from the URL.

    Raises:
        PipelineError: the URL holds credentials, or no installed file system knows its scheme.
    """
    try:
        if "@" in urlsplit(url).netloc:
            raise PipelineError(f"{what}: the URL holds credentials; leave them out and set them in the environment")
        found: tuple[pa_fs.FileSystem, str] = pa_fs.FileSystem.from_uri(url)
        return found
    except PipelineError:
        raise
    except (ValueError, OSError) as unknown:  # ArrowInvalid is a ValueError
        import fsspec

        try:
            filesystem, path = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError, OSError) as error:
            raise PipelineError(f"{what}: {url} cannot be opened: {unknown}; {error}") from error
        return pa_fs.PyFileSystem(pa_fs.FSSpecHandler(filesystem)), path


def fixed_folder(file: str | Iterable[str] | Mapping[str, str | Iterable[str]]) -> str:
    """The folder in which all that these patterns match lies: that of the first one, up to the first pattern in it."""
    while not isinstance(file, str):
        file = next(iter(file.values() if isinstance(file, Mapping) else file), "")
    address, _, query = file.partition("?") if is_url(file) else (file, "", "")
    scheme, separator, path = address.rpartition("://")
    parts = PurePosixPath(path).parts[:-1]
    fixed = []
    for part in parts:
        if any(character in part for character in PATTERN):
            break
        fixed.append(part)
    folder = f"{scheme}{separator}{PurePosixPath(*fixed) if fixed or not scheme else ''}"
    return f"{folder}?{query}" if query else folder
