import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from entityclip.contract.progress import Progress
from pipeline.engines.lazy import LazyEngine
from pipeline.errors import PipelineError
from pipeline.generation.bucket import make_bucket
from pipeline.generation.prepare import prepare
from pipeline.generation.run import ErrorLimit, Run
from pipeline.job import Job, open_job
from pipeline.judge.process import JudgeProcess
from pipeline.pair import Pair
from pipeline.plan.plan import plan_pairs
from pipeline.shards.writer_lock import single_writer
from tests.support.dataset import save_records, write_manifest, write_pairs
from tests.support.generation import all_rows, file_digest, find_shards, generate, read_provenance
from tests.support.scripted_engine import ScriptedEngine

COUNT = 40


@pytest.fixture
def job(tmp_path: Path, tiny_llama: Path) -> Iterator[Job]:
    write_pairs(tmp_path, COUNT)
    yield open_job(write_manifest(tmp_path, tiny_llama))


def test_every_pair_becomes_one_row_and_a_rerun_generates_nothing(job: Job) -> None:
    first = ScriptedEngine()
    receipts = generate(job, first)
    rows = all_rows(job.output)
    assert set(rows) == {f"p{i}" for i in range(COUNT)}
    assert {row.status for row in rows.values()} == {"ok"}
    assert all(row.raw_text == row.explanation == f"about {row.key}" for row in rows.values())
    assert sum(r.generated for r in receipts) == len(first.asked) == COUNT
    digests = {path: (file_digest(path), path.stat().st_mtime_ns) for path in find_shards(job.output)}

    again = ScriptedEngine()
    receipts = generate(job, again)
    assert not again.asked
    assert sum(r.reused for r in receipts) == COUNT
    assert {path: (file_digest(path), path.stat().st_mtime_ns) for path in find_shards(job.output)} == digests
    found = {path: digest for receipt in receipts for path, digest in receipt.digests.items()}
    assert found == {str(path.relative_to(job.output)): digest for path, (digest, _) in digests.items()}


def test_a_deleted_shard_alone_is_made_again(job: Job) -> None:
    generate(job, ScriptedEngine())
    lost = find_shards(job.output)[1]
    before = all_rows(job.output)
    missing = {row.key for row in before.values()}
    lost.unlink()
    missing -= {row.key for row in all_rows(job.output).values()}
    engine = ScriptedEngine()
    generate(job, engine)
    assert sorted(engine.asked) == sorted(missing)
    assert all_rows(job.output) == before


def test_a_limit_is_filled_up_later_and_takes_nothing_away(job: Job) -> None:
    engine = ScriptedEngine()
    receipts = generate(job, engine, limit=10)
    assert set(all_rows(job.output)) == {f"p{i}" for i in range(10)}
    assert sum(r.pending for r in receipts) == COUNT - 10
    rest = ScriptedEngine()
    generate(job, rest)
    assert len(rest.asked) == COUNT - 10
    complete = all_rows(job.output)
    generate(job, ScriptedEngine(), limit=3)
    assert all_rows(job.output) == complete


def test_only_what_changed_is_made_again(job: Job, tmp_path: Path) -> None:
    generate(job, ScriptedEngine())
    before = all_rows(job.output)
    records = [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text().splitlines()]
    records[4]["caption"] = "an edited caption"
    del records[7]
    inserted = {"id": "new", "split": "train", "image": "0.png", "caption": "a new caption"}
    save_records(tmp_path, [inserted, *records])
    engine = ScriptedEngine()
    generate(job, engine)
    after = all_rows(job.output)
    assert set(engine.asked) == {after["p4"].key, after["new"].key}
    assert "p7" not in after
    assert {k: v for k, v in after.items() if k not in ("p4", "new")} == {
        k: v for k, v in before.items() if k not in ("p4", "p7")
    }


def test_identical_prompts_are_generated_once(job: Job, tmp_path: Path) -> None:
    captions = ["one caption", "another caption"]
    save_records(
        tmp_path,
        [
            {"id": f"p{i}", "split": ("train", "test")[i // 20], "image": f"{i}.png", "caption": captions[i % 2]}
            for i in range(COUNT)
        ],
    )
    engine = ScriptedEngine()
    generate(job, engine)
    assert len(engine.asked) == 2
    assert len({row.explanation for row in all_rows(job.output).values()}) == 2


def test_bad_rows_get_a_status_and_cost_no_tokens(job: Job, tmp_path: Path) -> None:
    (tmp_path / "images" / "broken.png").write_bytes((tmp_path / "images" / "0.png").read_bytes()[:45])
    (tmp_path / "images" / "text.png").write_text("no image")
    bad = [
        ({"id": "empty", "image": "0.png", "caption": " "}, "empty_caption", "the caption is empty"),
        ({"id": "none", "image": "0.png"}, "empty_caption", "the caption is empty"),
        ({"id": "long", "image": "0.png", "caption": "ba " * 500}, "too_long", "max_model_len 64 less max_tokens 8"),
        ({"id": "missing", "image": "gone.png", "caption": "ba"}, "bad_image", "gone.png: no such image"),
        ({"id": "broken", "image": "broken.png", "caption": "ba be"}, "bad_image", "broken.png cannot be decoded"),
        ({"id": "text", "image": "text.png", "caption": "ba bi"}, "bad_image", "text.png cannot be decoded"),
        ({"id": "outside", "image": "../tiny.yaml", "caption": "ba bo"}, "bad_image", "outside the image root"),
        ({"id": "half", "image": "0.png", "caption": "half a \ud800 pair"}, "ok", None),
    ]
    save_records(tmp_path, [{"split": "train", **record} for record, _, _ in bad])
    engine = ScriptedEngine()
    generate(job, engine)
    rows = all_rows(job.output)
    for record, status, error in bad:
        row = rows[record["id"]]
        assert row.status == status
        assert (error or "") in (row.error or "")
        assert str(tmp_path) not in (row.error or "")
    assert len(engine.asked) == 1

    Image.new("RGB", (8, 8)).save(tmp_path / "images" / "gone.png")  # mended: judged anew, and only that
    generate(job, engine)
    assert all_rows(job.output)["missing"].status == "ok"
    assert len(engine.asked) == 2


def test_what_a_lost_engine_had_answered_is_kept(job: Job) -> None:
    engine = ScriptedEngine(lost_after=5)
    with pytest.raises(PipelineError, match="the engine is lost"):
        generate(job, engine)
    rest = ScriptedEngine()
    receipts = generate(job, rest)
    assert not set(rest.asked) & set(engine.asked)
    assert len(all_rows(job.output)) == COUNT
    assert sum(r.reused for r in receipts) == 5
    assert not list((job.output / "_spool").iterdir())
    generations = [g for path in find_shards(job.output) for g in read_provenance(path)["generations"]]
    assert sum(g["requests"] for g in generations) == COUNT  # the lost run's answers are accounted for


def test_a_run_that_is_given_up_stops_at_its_next_answer_and_goes_on_later(job: Job) -> None:
    plan = prepare(job)
    engine = ScriptedEngine()
    with LazyEngine(lambda: engine) as lazy, Progress("generate", "rows", 0) as progress:
        run = Run(job, plan, {}, lazy, JudgeProcess(job.judge, job.manifest.folder), progress, ErrorLimit(1.0))
        assert lazy.get() is engine
        lazy.give_up("interrupted")
        with pytest.raises(PipelineError, match="interrupted"):
            make_bucket(run, 0)
    assert not engine.asked
    rest = ScriptedEngine()
    generate(job, rest)
    assert len(rest.asked) == COUNT


def test_another_datasets_folder_is_refused(job: Job, tmp_path: Path, tiny_llama: Path) -> None:
    generate(job, ScriptedEngine())
    before = all_rows(job.output)
    other = open_job(write_manifest(tmp_path, tiny_llama, name="other"))
    with pytest.raises(PipelineError, match=r"contains shards of dataset 'tiny' \(split=.*\), not of 'other'"):
        generate(other, ScriptedEngine())
    recut = open_job(write_manifest(tmp_path, tiny_llama, num_shards=3))
    with pytest.raises(PipelineError, match=r"num_shards=2 .* the manifest says 3"):
        generate(recut, ScriptedEngine())
    assert all_rows(job.output) == before


def test_broken_records_are_named(job: Job, tmp_path: Path) -> None:
    record = {"id": "a", "split": "train", "image": "0.png", "caption": "ba"}
    twice = Pair("a", "train", "0.png", "ba")
    with pytest.raises(PipelineError, match="id 'a' occurs twice in split train"):
        list(plan_pairs([twice, twice], job))
    for line, reason in (
        ("{", "line 2: expected a JSON object"),
        ("[1]", "line 2"),
    ):
        (tmp_path / "pairs.jsonl").write_text(json.dumps(record) + "\n" + line + "\n")
        with pytest.raises(PipelineError, match=reason):
            generate(job, ScriptedEngine())
    (tmp_path / "pairs.jsonl").write_text("\n")
    with pytest.raises(PipelineError, match="dataset tiny has no pairs"):
        generate(job, ScriptedEngine())


def test_one_writer_at_a_time(job: Job) -> None:
    with (
        single_writer(job.work),
        pytest.raises(PipelineError, match=rf"is being written by process {os.getpid()} on \S+$"),
        single_writer(job.work, range(0, 1)),
    ):
        pass
    with single_writer(job.work, range(0, 4)), single_writer(job.work, range(4, 9)):
        for buckets in (range(3, 5), None):
            with pytest.raises(PipelineError, match=r"\(buckets 0 to 3\); process"), single_writer(job.work, buckets):
                pass
        with pytest.raises(PipelineError, match=r"\(buckets 4 to 8\)$"), single_writer(job.work, range(8, 12)):
            pass
    with single_writer(job.work):
        pass


def test_parts_made_side_by_side_are_the_whole(job: Job, tmp_path: Path, tiny_llama: Path) -> None:
    whole = open_job(write_manifest(tmp_path, tiny_llama, output="whole", num_shards=5))
    generate(whole, ScriptedEngine())
    path = write_manifest(tmp_path, tiny_llama, num_shards=5)
    engine = ScriptedEngine()
    for buckets in (range(3, 5), range(0, 3)):
        part = open_job(path, buckets=buckets)
        with single_writer(part.work, part.buckets):
            assert {receipt.bucket for receipt in generate(part, engine)} == set(buckets)
    assert all_rows(part.output) == all_rows(whole.output)
    generate(open_job(path), engine)
    assert len(engine.asked) == COUNT  # nothing twice
    with pytest.raises(
        PipelineError, match="there are no buckets 4 to 5; with num_shards 5, buckets are numbered 0 to 4"
    ):
        open_job(path, buckets=range(4, 6))


def test_a_shard_says_where_it_comes_from(job: Job) -> None:
    generate(job, ScriptedEngine(), limit=10)
    generate(job, ScriptedEngine())
    for path in find_shards(job.output):
        found = read_provenance(path)
        assert found["dataset"] == "tiny"
        assert found["revision"] == job.model.revision
        assert found["prompt"]["user"] == job.prompt.user
        assert found["sampling"]["max_tokens"] == 8
        assert found["image_root"] == str(job.manifest.image_root)
        assert [(g["engine"], g["engine_version"]) for g in found["generations"]] == [("scripted", "1")] * 2
        assert sum(g["requests"] for g in found["generations"]) == sum(found["counts"].values())
