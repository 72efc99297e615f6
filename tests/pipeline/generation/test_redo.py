"""Top-up and re-cleaning: what is redone, what is kept, and what a run of errors comes to."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from entityclip.contract.receipts import ShardReceipt
from entityclip.contract.status import Status
from pipeline.engines.base import Completion, Request
from pipeline.errors import PipelineError
from pipeline.generation.reclean import reclean
from pipeline.generation.redo import NOTHING, Redo, parse_redo
from pipeline.job import Job, open_job
from pipeline.shards.receipts import read_receipt
from pipeline.shards.shard import list_shards, read_shard, write_shard
from tests.support.dataset import write_manifest, write_pairs
from tests.support.generation import all_rows, find_shards, generate, read_provenance
from tests.support.scripted_engine import ScriptedEngine

COUNT = 30


class _Fickle(ScriptedEngine):
    """By the key: a third of the texts need more than 8 tokens, a third fail for good, a third are fine."""

    def complete(self, requests: Iterable[Request]) -> Iterator[Completion]:
        for request in requests:
            self.asked.append(request.key)
            kind = int(request.key, 16) % 3
            if kind == 0 and request.max_tokens < 16:
                yield Completion(request.key, "cut", "length", request.prompt_tokens, request.max_tokens)
            elif kind == 1:
                yield Completion(request.key, error="HTTP 400: refused")
            else:
                yield Completion(request.key, f"whole {request.max_tokens}", "stop", request.prompt_tokens, 12)


@pytest.fixture
def job(tmp_path: Path, tiny_llama: Path) -> Job:
    write_pairs(tmp_path, COUNT)
    return open_job(write_manifest(tmp_path, tiny_llama, generation__max_error_share=1.0))


def test_only_chosen_statuses_are_redone_with_their_own_budget(job: Job) -> None:
    first = _Fickle()
    generate(job, first)
    before = all_rows(job.output)
    by_status = {s: {r.key for r in before.values() if r.status == s} for s in ("ok", "truncated", "error")}
    assert all(by_status.values())
    idle = _Fickle()
    generate(job, idle)
    assert not idle.asked  # errors too wait until they are asked for

    again = _Fickle()
    generate(job, again, redo=Redo(frozenset({Status.TRUNCATED}), max_tokens=16))
    assert set(again.asked) == by_status["truncated"]
    after = all_rows(job.output)
    for i, row in before.items():
        assert after[i].key == row.key
        if row.status == "truncated":
            assert (after[i].status, after[i].explanation) == ("ok", "whole 16")
        else:
            assert after[i] == row
    for path in find_shards(job.output):
        redone = [g["redo"] for g in read_provenance(path)["generations"] if "redo" in g]
        has_any = not by_status["truncated"].isdisjoint(pq.read_table(path)["key"].to_pylist())
        assert redone == [{"statuses": ["truncated"], "max_tokens": 16}] * has_any
    idle = _Fickle()
    generate(job, idle)
    assert not idle.asked


def test_a_failed_redo_takes_nothing_away(job: Job) -> None:
    generate(job, ScriptedEngine())
    before = all_rows(job.output)
    generate(job, _Fickle(), redo=Redo(frozenset({Status.OK})))
    after = all_rows(job.output)
    failed = {i for i, row in before.items() if int(row.key, 16) % 3 == 1}
    assert failed
    assert {i: after[i] for i in failed} == {i: before[i] for i in failed}
    assert {after[i].explanation for i in set(before) - failed} == {"cut", "whole 8"}


def test_a_redo_whose_image_is_gone_keeps_the_text(job: Job, tmp_path: Path) -> None:
    generate(job, ScriptedEngine())
    before = all_rows(job.output)
    (tmp_path / "images" / "3.png").unlink()
    engine = ScriptedEngine()
    generate(job, engine, redo=Redo(frozenset({Status.OK})))
    assert before["p3"].key not in engine.asked
    assert all_rows(job.output) == before


def test_what_may_be_redone() -> None:
    assert parse_redo(None, None) == NOTHING
    assert parse_redo("truncated, error", 99) == Redo(frozenset({Status.TRUNCATED, Status.ERROR}), 99)
    for statuses, max_tokens, message in (
        ("trunkated", None, "choose from ok, truncated, copied, .*refused, empty, error"),
        ("bad_image", None, "cannot be redone"),
        (None, 5, "requires the statuses to redo"),
    ):
        with pytest.raises(PipelineError, match=message):
            parse_redo(statuses, max_tokens)


def test_recleaning_needs_no_engine(job: Job) -> None:
    with pytest.raises(PipelineError, match=r"has no explanation shards; generate them with: entityclip generate"):
        reclean(job)
    generate(job, ScriptedEngine())
    good = all_rows(job.output)
    receipts = _receipts(job)
    name = list_shards(job.storage)[0].name
    shard = read_shard(job.storage, name)
    spoilt = [replace(row, explanation="old rules", status="empty") for row in shard.rows]
    write_shard(job.storage, name, spoilt, shard.provenance)
    assert reclean(job) == {"ok": len(spoilt)}
    assert all_rows(job.output) == good
    assert _receipts(job) == receipts
    assert reclean(job) == {}


def _receipts(job: Job) -> list[dict[str, ShardReceipt]]:
    """What the receipts say of the shards."""
    receipts = [read_receipt(job.storage, bucket) for bucket in range(job.manifest.num_shards)]
    return [receipt.shards for receipt in receipts if receipt is not None]


def test_a_run_of_errors_stops_early_and_goes_on_later(tmp_path: Path, tiny_llama: Path) -> None:
    write_pairs(tmp_path, 90)
    job = open_job(write_manifest(tmp_path, tiny_llama, num_shards=1))

    class _Broken(ScriptedEngine):
        def complete(self, requests: Iterable[Request]) -> Iterator[Completion]:
            for request in requests:
                self.asked.append(request.key)
                yield Completion(request.key, error=f"HTTP 400: kind {len(self.asked) % 2}")

    engine = _Broken()
    with pytest.raises(PipelineError, match=r"20 of 20 answers are errors .*10 x HTTP 400: kind \d"):
        generate(job, engine)
    assert len(engine.asked) == 20
    mended = ScriptedEngine()
    generate(job, mended, redo=Redo(frozenset({Status.ERROR})))
    assert {row.status for row in all_rows(job.output).values()} == {"ok"}
    assert len(mended.asked) == len(all_rows(job.output)) == 90
