"""What is a URL, which have credentials in them, and what serves them."""

from pathlib import Path

import fsspec
import pyarrow.fs as pa_fs
import pytest

from entityclip.contract.errors import ContractError
from entityclip.contract.file_systems import open_file_system
from entityclip.contract.locations import has_credentials, is_url, without_secrets
from model.errors import ModelError
from pipeline.errors import PipelineError


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
        ("https://host/x.tar?versionId=3&partNumber=1", False),
        ("https://host/x.tar?X-Amz-Date=20261130&X-Amz-Signature=secret", True),
        ("https://host/x?sv=2022&sig=secret", True),
        ("https://host/x?api_key=secret", True),
    ],
)
def test_urls_with_credentials_are_known_and_never_opened(url: str, secret: bool) -> None:
    assert is_url(url) and has_credentials(url) == secret
    if secret:
        with pytest.raises(ContractError, match="the URL contains credentials; remove them") as raised:
            open_file_system(url)
        assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no https://me:pw@h/x", "no https://***@h/x"),
        ("s3://key:p@w@bucket/x and ftp://u@h", "s3://***@bucket/x and ftp://***@h"),
        ("h?X-Amz-Signature=ab%2F&X-Amz-Date=1", "h?X-Amz-Signature=***&X-Amz-Date=1"),
        ("(https://h/a?sv=1&sig=ab+/=&se=2)", "(https://h/a?sv=1&sig=***&se=2)"),
        ('"https://h/v1?api_key=abc"', '"https://h/v1?api_key=***"'),
        ("https://h/?a=1\\u0026access_token=abc", "https://h/?a=1\\u0026access_token=***"),
        ("https://h/?a=1&amp;Key-Pair-Id=abc#x", "https://h/?a=1&amp;Key-Pair-Id=***#x"),
        (
            "s3://b/p?endpoint_override=http://minio:9000&region=eu",
            "s3://b/p?endpoint_override=http://minio:9000&region=eu",
        ),
        ("an e-mail to me@home, key = 3, https://h/me@home/x", "an e-mail to me@home, key = 3, https://h/me@home/x"),
        ("https://h/?design=1&author=me", "https://h/?design=1&author=me"),
    ],
)
def test_secrets_in_urls_are_masked_wherever_an_error_has_them(text: str, shown: str) -> None:
    assert without_secrets(text) == shown == without_secrets(shown)
    for kind in (ContractError, PipelineError, ModelError):
        assert str(kind(text)) == shown
        assert repr(kind(text)) == f"{kind.__name__}({shown!r})"


def test_masking_takes_time_in_proportion_to_the_text() -> None:
    for piece in ("://", "?key", "?" + "x" * 70, "&amp;", "://a@", "key=", "sig"):
        assert len(without_secrets(piece * (300_000 // len(piece)))) > 10_000  # ends: it took minutes if it did not


def test_a_url_is_opened_by_pyarrow_or_by_fsspec(tmp_path: Path) -> None:
    filesystem, path = open_file_system(tmp_path.as_uri())
    assert isinstance(filesystem, pa_fs.LocalFileSystem) and path == str(tmp_path)
    fsspec.filesystem("memory").pipe("/for-locations", b"1")
    filesystem, path = open_file_system("memory://for-locations")
    with filesystem.open_input_stream(path) as stream:
        assert stream.read() == b"1"
    with pytest.raises(ContractError, match=r"^no-such-scheme://x cannot be opened: .*Unrecognized filesystem"):
        open_file_system("no-such-scheme://x")
