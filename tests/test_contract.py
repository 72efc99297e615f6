"""The halves meet in the Parquet schema: what the pipeline writes, the model reads."""

from pathlib import Path

import pytest

from model.data.shards import read_split
from model.errors import ModelError
from pipeline.job import open_job
from tests.support.dataset import save_records, write_manifest, write_pairs
from tests.support.generation import all_rows, file_digest, find_shards, generate
from tests.support.scripted_engine import ScriptedEngine


def test_the_model_reads_what_the_pipeline_writes(tmp_path: Path, tiny_llama: Path) -> None:
    records = write_pairs(tmp_path, 30)
    records[3]["caption"] = ""
    records[4]["topic"] = "sport"
    save_records(tmp_path, records)
    (tmp_path / "images" / "6.png").unlink()
    job = open_job(write_manifest(tmp_path, tiny_llama))
    generate(job, ScriptedEngine())
    written = all_rows(job.output)
    for split in ("train", "test"):
        rows = read_split(Path(job.output), split, statuses=("ok",))
        usable = {i: row for i, row in written.items() if row.split == split and row.status == "ok"}
        assert {t.id for t in rows.triples} == set(usable)
        for triple in rows.triples:
            row = usable[triple.id]
            assert (triple.caption, triple.topic, triple.explanation, triple.key) == (
                row.caption,
                row.topic,
                row.explanation,
                row.key,
            )
            assert triple.image_path is not None
            assert (triple.image_root / triple.image_path).is_file()
        paths = [path for path in find_shards(job.output) if path.parent.name == f"split={split}"]
        assert rows.source.digests == {str(path.relative_to(job.output)): file_digest(path) for path in paths}
        assert rows.source.gaps == ()
        made_by = {"dataset": "tiny", "model": job.model.name, "revision": job.model.revision, "prompt": "heraldry-v1"}
        assert rows.source.made_by == (made_by,)
    source = read_split(Path(job.output), "train", statuses=("ok",)).source
    assert source.statuses == {"ok": 18, "empty_caption": 1, "bad_image": 1} and source.used == {"ok": 18}


def test_a_limited_run_is_half_made_until_it_is_finished(tmp_path: Path, tiny_llama: Path) -> None:
    write_pairs(tmp_path, 12)
    job = open_job(write_manifest(tmp_path, tiny_llama))
    generate(job, ScriptedEngine(), limit=7)
    output = Path(job.output)
    with pytest.raises(ModelError, match=r"5 planned pairs were left.*the manifest of dataset 'tiny'"):
        read_split(output, "train", statuses=("ok",))
    partial = read_split(output, "train", statuses=("ok",), allow_partial=True)
    assert 0 < len(partial.triples) < 8 and partial.source.gaps == ("5 planned pairs were left for a later run",)

    generate(job, ScriptedEngine())
    whole = read_split(output, "train", statuses=("ok",))
    assert len(whole.triples) == 8 and whole.source.gaps == ()
    shard = output / next(iter(whole.source.digests))
    shard.write_bytes(shard.read_bytes() + b" ")
    with pytest.raises(ModelError, match=r"part-0000\d-of-00002\.parquet"):
        read_split(output, "train", statuses=("ok",), allow_partial=True)
    shard.unlink()
    generate(job, ScriptedEngine())
    assert [*read_split(output, "train", statuses=("ok",)).triples] == [*whole.triples]
