"""The declared schema and its document, and what a footer may say."""

import re
from pathlib import Path

import pyarrow as pa
import pytest

from entityclip.contract.errors import ContractError
from entityclip.contract.schema import METADATA_KEY, SCHEMA, SCHEMA_VERSION, provenance_of, schema_with
from entityclip.contract.status import Status

DOCUMENT = Path(__file__).parents[3] / "docs" / "parquet_schema.md"


def test_the_document_lists_the_columns_and_statuses() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    table = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    assert [name for cell in table for name in re.findall(r"`(\w+)`", cell)] == SCHEMA.names
    statuses = next(line for line in text.splitlines() if line.startswith("| `status`"))
    assert re.findall(r"`(\w+)`", statuses)[1:] == [status.value for status in Status]
    assert f"Schema version: {SCHEMA_VERSION}." in text


def test_provenance_comes_back() -> None:
    schema = schema_with({"dataset": "Žižka", "image_root": "/i"})
    assert schema.equals(SCHEMA, check_metadata=False)
    assert provenance_of(schema) == {"schema_version": SCHEMA_VERSION, "dataset": "Žižka", "image_root": "/i"}


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        (None, "has no `entityclip` entry"),
        ({b"other": b"{}"}, "has no `entityclip` entry"),
        ({METADATA_KEY: b"{"}, "is not JSON"),
        ({METADATA_KEY: b"\xff"}, "is not JSON"),
        ({METADATA_KEY: b"[1]"}, "is not a mapping"),
    ],
)
def test_a_foreign_file_is_named_as_one(metadata: dict[bytes, bytes] | None, said: str) -> None:
    with pytest.raises(ContractError, match=f"^this is not an explanation shard, because .*{said}"):
        provenance_of(pa.schema([("id", pa.string())], metadata=metadata))
