"""The Parquet contract: what is written, what the documentation says, and what others can read."""

import json
import re
from pathlib import Path

import pyarrow.parquet as pq

from entityclip.contract.status import Status
from pipeline.job import open_job
from pipeline.shards.schema import SCHEMA, SCHEMA_VERSION
from tests.support.dataset import write_manifest, write_pairs
from tests.support.generation import find_shards, generate
from tests.support.scripted_engine import ScriptedEngine

DOCUMENT = Path(__file__).parents[3] / "docs" / "parquet_schema.md"


def test_the_document_lists_the_columns_and_statuses() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    table = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    assert [name for cell in table for name in re.findall(r"`(\w+)`", cell)] == SCHEMA.names
    statuses = next(line for line in text.splitlines() if line.startswith("| `status`"))
    assert re.findall(r"`(\w+)`", statuses)[1:] == [status.value for status in Status]
    assert f"Schema version: {SCHEMA_VERSION}." in text


def test_a_shard_has_the_declared_schema_and_shows_pictures_in_viewers(tmp_path: Path, tiny_llama: Path) -> None:
    write_pairs(tmp_path, 12)
    job = open_job(write_manifest(tmp_path, tiny_llama))
    generate(job, ScriptedEngine())
    for path in find_shards(job.output):
        schema = pq.read_schema(path)
        assert schema.equals(SCHEMA, check_metadata=False)
        features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
        assert list(features) == SCHEMA.names
        assert features["image"] == {"_type": "Image"}
    table = pq.read_table(job.output)  # the whole folder, as anybody would
    assert table.num_rows == 12
    assert set(table.column_names) == set(SCHEMA.names)
