import subprocess

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from entityclip.contract.digests import digest
from model.data.shards import read_split
from model.errors import ModelError
from tests.model.shard_writer import row, write_receipts, write_shard

OK = ("ok",)


def test_rows_by_status_and_their_provenance(tmp_path):
    rows = [row(0, "train"), row(1, "train", status="error", explanation=None), row(2, "train", status="truncated")]
    first = write_shard(tmp_path, "train", rows, tmp_path / "images", 0, 2)
    write_shard(tmp_path, "train", [row(3, "train", caption=" ")], tmp_path / "images", 1, 2)
    write_receipts(tmp_path, 2)
    found = read_split(tmp_path, "train", statuses=OK)
    assert [t.id for t in found.triples] == ["train-000", "train-003"]
    assert found.source.statuses == {"ok": 2, "error": 1, "truncated": 1} and found.source.used == {"ok": 2}
    assert found.source.digests["split=train/part-00000-of-00002.parquet"] == digest(first)
    made_by = {"dataset": "toy", "model": "tiny", "revision": "1", "prompt": "toy-v1"}
    assert found.source.made_by == (made_by,)
    listed = subprocess.run("sha256sum split=*/*.parquet | sha256sum", shell=True, cwd=tmp_path, capture_output=True)
    assert listed.stdout.decode().split()[0] == found.source.digest
    triple = found.triples[0]
    assert triple.image_root == tmp_path / "images" and triple.image_path == "train/0.png"
    assert triple.explanation == "name0 a blue star" and triple.key == "key of lord of name0"

    assert len(read_split(tmp_path, "train", statuses=("ok", "truncated")).triples) == 3
    # evaluation needs captions, no explanations
    every = read_split(tmp_path, "train", statuses=None, image_root=tmp_path / "moved")
    assert [t.id for t in every.triples] == ["train-000", "train-001", "train-002"]
    assert every.triples[0].image_root == tmp_path / "moved"


def test_what_is_wrong_is_said(tmp_path):
    def refused(words: str, split: str = "train") -> None:
        with pytest.raises(ModelError, match=words):
            read_split(tmp_path, split, statuses=OK, allow_partial=True)  # never excuses any of these

    refused(r"no shards of split 'train'.*entityclip generate MANIFEST")
    with pytest.raises(ModelError, match="no explanations at"):
        read_split(tmp_path / "none", "train", statuses=OK)
    path = write_shard(tmp_path, "train", [row(0, "train", status="error")], tmp_path)
    refused("no rows with status ok; rows found: 1 error; data.statuses sets")
    refused("splits found: train.*set data.splits.val to null to train without validation", split="val")
    path.write_bytes(path.read_bytes()[:-20])
    refused("part-00000-of-00001.parquet cannot be read as Parquet")
    write_shard(tmp_path, "train", [row(0, "train")], tmp_path, schema_version=9)
    refused(r"schema version 9, but this program reads version \d+; generate it again in another folder.*dataset 'toy'")
    table = pq.read_table(write_shard(tmp_path, "train", [row(0, "train")], tmp_path), partitioning=None)
    pq.write_table(table.drop_columns(["key"]), path)
    refused("has no column 'key'")
    pq.write_table(table.set_column(3, "caption", pa.array([1])), path)
    refused("column 'caption' has the wrong type, int64")
    pq.write_table(table.replace_schema_metadata(None), path)
    refused("not an explanation shard")
    write_shard(tmp_path, "train", [row(0, "train", explanation=None)], tmp_path)
    refused("'train-000' has status ok but no explanation")
    write_shard(tmp_path, "train", [row(0, "train")], tmp_path)
    write_shard(tmp_path, "train", [row(0, "train")], tmp_path, 1, 2)
    refused("id 'train-000' occurs twice, in part-00000-of-00001.parquet and part-00001-of-00002.parquet")


def test_a_row_with_an_empty_explanation_is_not_read(tmp_path):
    """Such a row is `truncated`: the LLM's thinking did not end."""
    rows = [row(0, "train"), row(1, "train", status="truncated", explanation="")]
    write_shard(tmp_path, "train", [*rows, row(2, "train", status="truncated", explanation="It says")], tmp_path)
    read = read_split(tmp_path, "train", statuses=("ok", "truncated"), allow_partial=True)
    assert [triple.id for triple in read.triples] == ["train-000", "train-002"]


def test_text_is_read_in_whatever_form_another_writer_gives_it(tmp_path):
    """pandas writes string, polars large_string, and both may write categories."""
    rows = [row(n, "train", topic=None if n == 1 else "main") for n in range(4)]
    path = write_shard(tmp_path, "train", rows, tmp_path)
    plain = pq.read_table(path, partitioning=None)
    expected = list(read_split(tmp_path, "train", statuses=OK, allow_partial=True).triples)
    for kind in (pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())):
        table = plain
        for name in ("id", "caption", "topic", "explanation", "status", "key"):
            changed = plain[name].cast(pa.string()).cast(kind)
            table = table.set_column(table.schema.get_field_index(name), name, changed)
        pq.write_table(table, path)
        assert list(read_split(tmp_path, "train", statuses=OK, allow_partial=True).triples) == expected
    image = pa.StructArray.from_arrays([plain["image"].combine_chunks().field("path")], names=["path"])
    pq.write_table(plain.set_column(2, "image", image), path)
    with pytest.raises(ModelError, match="column 'image' has the wrong type, struct"):
        read_split(tmp_path, "train", statuses=OK, allow_partial=True)
