"""What is said of explanations, against every row counted by hand."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.engines.base import Completion
from pipeline.errors import PipelineError
from pipeline.generation.spool import Spool
from pipeline.inspect.summary import Summary, summarise
from pipeline.job import open_job
from pipeline.shards.shard import Row
from tests.support.dataset import write_manifest, write_pairs
from tests.support.explanations import counted, some_rows, write_explanations
from tests.support.generation import generate
from tests.support.s3 import s3_server, s3_url
from tests.support.scripted_engine import ScriptedEngine


def _summary(location: Path | str) -> Summary:
    found = summarise(location)
    assert found is not None
    return found


def _is_right(found: Summary, rows: list[Row]) -> None:
    assert found.rows == len(rows) and found.counts == counted(rows)
    assert found.finish_reasons == dict(Counter(row.finish_reason for row in rows))
    for name in ("completion_tokens", "clip_tokens"):
        histogram, values = getattr(found, name), [getattr(row, name) for row in rows]
        known = [value for value in values if value is not None]
        assert (histogram.rows, histogram.unknown) == (len(known), len(values) - len(known))
        assert (histogram.least, histogram.most, histogram.mean) == (min(known), max(known), sum(known) / len(known))
    assert found.clip_tokens is not None
    assert found.clip_tokens.over == sum((row.clip_tokens or 0) > 77 for row in rows)


def test_an_output_a_split_a_shard_and_a_flat_folder(tmp_path: Path) -> None:
    rows = some_rows(200)
    output = tmp_path / "out"
    write_explanations(output, rows)
    found = _summary(output)
    _is_right(found, rows)
    assert (found.found.kind, found.state, found.faults) == ("explanations", "complete", ())
    [origin] = found.origins
    assert (origin.made["model"], origin.made["schema_version"], origin.context) == ("a/model", 2, 77)
    assert (origin.engines, origin.began_at) == (("scripted 1",), "2026-01-01T00:00:00.000+00:00")
    json.dumps(found.as_plain(), allow_nan=False)

    train = [row for row in rows if row.split == "train"]
    found = _summary(output / "split=train")
    _is_right(found, train)
    assert (found.found.kind, found.state, found.faults) == ("split", "unknown", ())

    shard = sorted((output / "split=val").iterdir())[0]
    ids = set(pq.ParquetFile(shard).read(columns=["id"])["id"].to_pylist())
    found = _summary(shard)
    _is_right(found, [row for row in rows if row.id in ids])
    assert (found.found.kind, found.faults) == ("shard", ())

    (tmp_path / "flat").mkdir()
    for number, path in enumerate(output.rglob("*.parquet")):
        shutil.copy(path, tmp_path / "flat" / f"{number}.parquet")
    found = _summary(tmp_path / "flat")
    _is_right(found, rows)
    assert (found.found.kind, found.faults) == ("folder of shards", ())


def test_object_storage_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = some_rows(60)
    write_explanations(tmp_path / "out", rows)
    here = _summary(tmp_path / "out").as_plain()
    with s3_server(monkeypatch) as port:
        write_explanations(s3_url(port, "run/out"), rows)
        there = _summary(s3_url(port, "run/out"))
        _is_right(there, rows)
        different = {name for name, value in there.as_plain().items() if value != here[name]}
        assert different == {"location"}
        _is_right(_summary(s3_url(port, "run/out/split=val")), [row for row in rows if row.split == "val"])
        with pytest.raises(PipelineError, match="no such file or folder"):
            summarise(s3_url(port, "elsewhere"))


def _spoil(shard: Path, columns: list[str]) -> None:
    """Overwrite the pages of these columns, and nothing else."""
    metadata = pq.read_metadata(shard)
    content = bytearray(shard.read_bytes())
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            column = metadata.row_group(group).column(number)
            if column.path_in_schema in columns:
                begin = column.dictionary_page_offset or column.data_page_offset
                content[begin : begin + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    shard.write_bytes(content)


def test_texts_ids_and_pictures_are_not_read(tmp_path: Path) -> None:
    rows = some_rows(200)
    write_explanations(tmp_path, rows)
    for shard in tmp_path.rglob("*.parquet"):
        _spoil(shard, ["id", "image.bytes", "image.path", "caption", "explanation", "raw_text", "error", "key"])
        with pytest.raises((OSError, pa.ArrowException)):
            pq.ParquetFile(shard).read()
    found = _summary(tmp_path)
    _is_right(found, rows)
    assert found.faults == ()


def test_what_is_damaged_is_named_and_the_rest_counted(tmp_path: Path) -> None:
    rows = some_rows(300)
    write_explanations(tmp_path, rows, buckets=4)
    shards = sorted(tmp_path.rglob("*.parquet"))
    torn, numbers, changed, foreign = shards[0], shards[1], shards[2], shards[3].with_name("notes.parquet")
    torn.write_bytes(torn.read_bytes()[:-100])
    _spoil(numbers, ["completion_tokens"])
    changed_rows = pq.ParquetFile(changed).read()
    pq.write_table(changed_rows.slice(1), changed)
    pq.write_table(pa.table({"a": [1]}), foreign)
    (tmp_path / "_receipts" / "bucket-00003.json").write_text("{", encoding="utf-8")
    found = _summary(tmp_path)
    lost = {i for path in shards[:2] for i in _ids_of(path, rows)} | {changed_rows["id"][0].as_py()}
    _is_right(found, [row for row in rows if row.id not in lost])
    faults = {fault.name: fault for fault in found.faults}
    name = {path: path.relative_to(tmp_path).as_posix() for path in (torn, numbers, changed, foreign)}
    assert {name[torn], name[numbers], name[changed], name[foreign], "_receipts/bucket-00003.json"} == set(faults)
    assert "cannot be read as Parquet" in faults[name[torn]].why and not faults[name[torn]].shown
    assert faults[name[changed]].shown and faults[name[foreign]].foreign
    assert found.state == "half-made" and found.made.unfinished == (3,)


def _ids_of(path: Path, rows: list[Row]) -> set[str]:
    """The ids of a shard that cannot be read any more, by its name."""
    split, number = path.parent.name.removeprefix("split="), int(path.name[5:10])
    return {row.id for row in rows if row.split == split and int(row.key[:8], 16) % 4 == number}


def test_half_made_is_told_as_what_it_is(tmp_path: Path, tiny_llama: Path) -> None:
    write_pairs(tmp_path, 30)
    job = open_job(write_manifest(tmp_path, tiny_llama))
    generate(job, ScriptedEngine(), limit=12)
    output = Path(job.output)
    found = _summary(output)
    assert (found.state, found.rows, found.made.pending, found.made.receipts) == ("half-made", 12, 18, 2)

    (output / "_receipts" / "bucket-00001.json").unlink()
    with Spool(job.spool_path(1), {"engine": "scripted"}) as spool:
        for number in range(3):
            spool.append(Completion(str(number), "text", "stop", 1, 1))
    with job.spool_path(1).open("ab") as file:
        file.write(b'{"key": "torn')
    (output / "split=train" / ".part-00001-of-00002.parquet.tmp").write_bytes(b"PAR1")
    found = _summary(output)
    assert found.made.unfinished == (1,) and found.made.spooled == {"_spool/bucket-00001.jsonl": 3}
    assert found.made.half_written == ("split=train/.part-00001-of-00002.parquet.tmp",)
    assert all("part-00001" in name for name in found.made.unlisted) and found.faults == ()
    (output / "split=train" / "part-00000-of-00002.parquet").unlink()
    assert _summary(output).made.missing == ("split=train/part-00000-of-00002.parquet",)

    for folder in ("split=train", "split=test", "_receipts"):
        shutil.rmtree(output / folder)
    found = _summary(output)
    assert (found.rows, found.state, found.completion_tokens) == (0, "half-made", None)
    assert found.made.spooled == {"_spool/bucket-00001.jsonl": 3}


def test_what_is_none_of_ours(tmp_path: Path) -> None:
    assert summarise(tmp_path) is None
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")
    assert summarise(tmp_path) is None
    with pytest.raises(PipelineError, match="no `entityclip` entry"):
        summarise(tmp_path / "a.parquet")
    with pytest.raises(PipelineError, match="no such file or folder"):
        summarise(tmp_path / "nowhere")
    (tmp_path / "text").write_text("hello", encoding="utf-8")
    assert "cannot be read as Parquet" in _summary(tmp_path / "text").faults[0].why


def test_another_schema_version_and_several_layouts_are_noted(tmp_path: Path) -> None:
    rows = some_rows(40)
    write_explanations(tmp_path, rows)
    write_explanations(tmp_path, rows, buckets=2, schema_version=1, model="b/model")
    found = _summary(tmp_path)
    assert found.rows == 80 and {origin.made["model"] for origin in found.origins} == {"a/model", "b/model"}
    assert any("schema version 1" in note for note in found.notes)
    assert any("different num_shards" in note for note in found.notes)


def test_a_newer_schema_is_a_warning(tmp_path: Path) -> None:
    write_explanations(tmp_path, some_rows(20), schema_version=3)
    [note] = _summary(tmp_path).notes
    assert note.startswith("warning: written by a newer EntityCLIP (schema version 3; this one reads 2)")
    shard = sorted(tmp_path.rglob("*.parquet"))[0]
    table = pq.read_table(shard, partitioning=None).drop_columns(["status"])
    pq.write_table(table, shard)
    [fault] = _summary(tmp_path).faults[:1]
    assert "newer EntityCLIP (schema version 3; this one reads 2), and without the columns status" in fault.why
