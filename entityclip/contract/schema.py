"""The Arrow schema of explanation shards, and the provenance in their footers.

docs/parquet_schema.md documents the columns; SCHEMA_VERSION must be incremented whenever their meaning changes.
"""

import json
from typing import Annotated, Any

import pyarrow as pa
from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from entityclip.contract.errors import ContractError
from entityclip.contract.own_json import Count, check_shape, parse_object

SCHEMA_VERSION = 2
MOST_SHARDS = 100_000  # of a split; more than a manifest may have

_LABEL = pa.dictionary(pa.int32(), pa.string())

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("split", _LABEL, nullable=False),  # the type that readers infer from the folder name `split=train`
        # Never null, but declared nullable: `datasets` recognises only its own declaration of an image column.
        pa.field("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        pa.field("caption", pa.string(), nullable=False),
        pa.field("topic", pa.string()),
        pa.field("explanation", pa.string()),
        pa.field("raw_text", pa.string()),
        pa.field("status", _LABEL, nullable=False),
        pa.field("error", pa.string()),
        pa.field("finish_reason", _LABEL),
        pa.field("prompt_tokens", pa.int32()),
        pa.field("completion_tokens", pa.int32()),
        pa.field("clip_tokens", pa.int32()),
        pa.field("key", pa.string(), nullable=False),
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("model", _LABEL, nullable=False),
        pa.field("revision", _LABEL, nullable=False),
    ]
)

_Label = str | None
_Number = Annotated[int, Field(strict=True, ge=0, le=MOST_SHARDS)]


class _Provenance(TypedDict, total=False):
    """The types of the fields that are read; other versions may have more fields, but not these with other types."""

    dataset: _Label
    split: _Label
    shard: _Number | None
    num_shards: _Number | None
    image_root: _Label
    counts: dict[str, Count] | None
    packed: dict[str, Any]


_PROVENANCE = TypeAdapter(_Provenance)
# What only tells how a shard was made: a value of another type is passed over.
_TOLD: dict[str, TypeAdapter[Any]] = {
    "model": TypeAdapter(_Label),
    "revision": TypeAdapter(_Label),
    "prompt": TypeAdapter(dict[str, Any] | None),
    "generations": TypeAdapter(list[Any] | None),
}
METADATA_KEY = b"entityclip"  # in a shard's file metadata; the value is JSON


def huggingface_metadata() -> dict[bytes, bytes]:
    """Return schema metadata that lets Hugging Face dataset viewers show the images."""
    features: dict[str, Any] = {}
    for field in SCHEMA:
        dtype = "string" if pa.types.is_dictionary(field.type) else str(field.type)
        features[field.name] = {"_type": "Image"} if field.name == "image" else {"dtype": dtype, "_type": "Value"}
    return {b"huggingface": json.dumps({"info": {"features": features}}).encode()}


def schema_with(provenance: dict[str, Any]) -> pa.Schema:
    """Return `SCHEMA` with metadata: the provenance of a shard and the entries for dataset viewers."""
    return SCHEMA.with_metadata(
        {
            METADATA_KEY: json.dumps({"schema_version": SCHEMA_VERSION, **provenance}, ensure_ascii=False),
            **huggingface_metadata(),
        }
    )


def provenance_of(schema: pa.Schema) -> dict[str, Any]:
    """Return the provenance stored in a shard's schema; every schema version is accepted.

    Raises:
        ContractError: the schema is not that of an explanation shard.
    """
    raw = (schema.metadata or {}).get(METADATA_KEY)
    if raw is None:
        raise ContractError("this is not an explanation shard, because its metadata has no `entityclip` entry")
    what = "this is not an explanation shard, because its `entityclip` metadata"
    provenance = parse_object(raw, what)
    try:
        check_shape(provenance, _PROVENANCE)
    except ContractError as error:
        raise ContractError(f"{what} has an {error}") from error
    for name, adapter in _TOLD.items():
        try:
            adapter.validate_python(provenance.get(name), strict=True)
        except ValidationError:
            provenance[name] = None
    return provenance
