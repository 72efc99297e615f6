"""What is a URL, which have credentials in them, and what serves them."""

from pathlib import Path

import fsspec
import pyarrow.fs as pa_fs
import pytest

from entityclip.contract.errors import ContractError
from entityclip.contract.file_systems import open_file_system
from entityclip.contract.locations import has_credentials, is_url


@pytest.mark.parametrize("path", ["explanations", "/a/b", "C:\\a", "a:b", "~/x"])
def test_paths(path: str) -> None:
    assert not is_url(path) and not has_credentials(path)


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("s3://bucket/prefix?endpoint_override=http://minio:9000&region=eu-west-1", False),
        ("https://host/me@home/x", False),
        ("memory://some/where", False),
        ("s3://key:secret@bucket/x", True),
        ("sftp://me@host/x", True),
        ("https://me:secret@[bad/x", True),
        ("https://[bad/x", False),
    ],
)
def test_urls_with_credentials_are_known_and_never_opened(url: str, secret: bool) -> None:
    assert is_url(url) and has_credentials(url) == secret
    if secret:
        with pytest.raises(ContractError, match="the URL contains credentials; remove them") as raised:
            open_file_system(url)
        assert "secret" not in str(raised.value)


def test_a_url_is_opened_by_pyarrow_or_by_fsspec(tmp_path: Path) -> None:
    filesystem, path = open_file_system(tmp_path.as_uri())
    assert isinstance(filesystem, pa_fs.LocalFileSystem) and path == str(tmp_path)
    fsspec.filesystem("memory").pipe("/for-locations", b"1")
    filesystem, path = open_file_system("memory://for-locations")
    with filesystem.open_input_stream(path) as stream:
        assert stream.read() == b"1"
    with pytest.raises(ContractError, match=r"^no-such-scheme://x cannot be opened: .*Unrecognized filesystem"):
        open_file_system("no-such-scheme://x")
