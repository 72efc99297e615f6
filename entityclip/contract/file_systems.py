"""The file systems behind URLs."""

import pyarrow.fs as pa_fs

from entityclip.contract.errors import ContractError
from entityclip.contract.locations import has_credentials


def open_file_system(url: str) -> tuple[pa_fs.FileSystem, str]:
    """The file system that serves a URL, and the path of the URL in it.

    pyarrow's own file systems serve s3 and gs, fsspec's whatever else is installed (https, hf, sftp, memory, ...).
    Endpoint and region may stand in the URL (`s3://bucket/prefix?endpoint_override=http://minio:9000&region=eu-west-1`);
    credentials come from the environment, as that file system's documentation says, never from the URL.

    Raises:
        ContractError: the URL holds credentials, or no installed file system knows its scheme.
    """
    if has_credentials(url):
        raise ContractError("the URL holds credentials; leave them out and set them in the environment")
    try:
        found: tuple[pa_fs.FileSystem, str] = pa_fs.FileSystem.from_uri(url)
        return found
    except (ValueError, OSError) as unknown:  # ArrowInvalid is a ValueError
        try:
            import fsspec

            filesystem, path = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError, OSError) as error:
            raise ContractError(f"{url} cannot be opened: {unknown}; {error}") from error
        return pa_fs.PyFileSystem(pa_fs.FSSpecHandler(filesystem)), path
