"""Opens the file system that a URL refers to."""

import pyarrow.fs as pa_fs

from entityclip.contract.errors import ContractError
from entityclip.contract.locations import has_credentials


def open_file_system(url: str) -> tuple[pa_fs.FileSystem, str]:
    """Return the file system for a URL, and the path within it.

    pyarrow handles s3 and gs; fsspec handles other schemes if their packages are installed (https, hf, sftp, ...).
    Endpoint and region may be in the URL (`s3://bucket/prefix?endpoint_override=http://minio:9000&region=eu-west-1`).
    Credentials are never read from the URL, only from the environment variables that the file system documents.

    Raises:
        ContractError: the URL contains credentials, or no installed file system supports its scheme.
    """
    if has_credentials(url):
        raise ContractError("the URL contains credentials; remove them and set them in the environment instead")
    try:
        return pa_fs.FileSystem.from_uri(url)
    except (ValueError, OSError) as unknown:  # ArrowInvalid is a ValueError
        try:
            import fsspec

            filesystem, path = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError, OSError) as error:
            raise ContractError(f"{url} cannot be opened: {unknown}; {error}") from error
        return pa_fs.PyFileSystem(pa_fs.FSSpecHandler(filesystem)), path
