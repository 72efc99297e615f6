"""What is written is as the contract declares it, and others can read it."""

import json
from pathlib import Path

import pyarrow.parquet as pq

from entityclip.contract.schema import SCHEMA
from pipeline.job import open_job
from tests.support.dataset import write_manifest, write_pairs
from tests.support.generation import find_shards, generate
from tests.support.scripted_engine import ScriptedEngine


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
