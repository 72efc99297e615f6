"""Ranges of shards, and the account at the end of a fan-out."""

import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from flows.generate import generate_explanations
from flows.orchestration.generation_in_ranges import cut, reconcile
from pipeline.errors import PipelineError
from pipeline.generation.prepare import prepare
from pipeline.job import open_job
from tests.support.dataset import write_manifest, write_pairs
from tests.support.generation import all_rows, find_shards, generate
from tests.support.scripted_engine import ScriptedEngine


@given(st.integers(1, 500), st.integers(1, 600))
def test_ranges_cover_all_buckets_once_and_evenly(buckets: int, parts: int) -> None:
    ranges = cut(buckets, parts)
    assert [bucket for one in ranges for bucket in one] == list(range(buckets))
    assert len(ranges) == min(buckets, parts)
    assert max(map(len, ranges)) - min(map(len, ranges)) <= 1


def test_every_shard_that_is_not_as_planned_is_named(tmp_path: Path, tiny_llama: Path) -> None:
    write_pairs(tmp_path, 60)
    job = open_job(write_manifest(tmp_path, tiny_llama, num_shards=5))
    generate(job, ScriptedEngine())
    plan = prepare(job)
    digests = {bucket: plan.bucket(bucket).digest for bucket in plan.buckets}
    counts, pending = reconcile(job, digests, limited=False)
    assert pending == 0
    assert sum(sum(of.values()) for of in counts.values()) == len(all_rows(job.output)) == 60

    receipts = tmp_path / "explanations" / "_receipts"
    (receipts / "bucket-00000.json").unlink()
    _change(receipts / "bucket-00001.json", plan="of another plan")
    _change(receipts / "bucket-00002.json", pending=3)
    next(path for path in find_shards(tmp_path / "explanations") if "part-00003" in path.name).unlink()
    with pytest.raises(PipelineError) as error:
        reconcile(job, digests, limited=False)
    message = str(error.value)
    assert "4 of 5 buckets are missing or incomplete" in message
    assert "bucket 0 has no receipt; bucket 1 was generated for another plan" in message
    assert "bucket 2 has 3 pending pairs; bucket 3 lacks split=" in message
    (receipts / "bucket-00004.json").write_text('{"receipt_version": 1}')
    with pytest.raises(PipelineError, match=r"5 of 5 buckets .*; bucket 4: _receipts/bucket-00004.json: invalid field"):
        reconcile(job, digests, limited=False)


@pytest.mark.usefixtures("prefect_server")
def test_without_a_deployment_the_message_says_what_to_do(tmp_path: Path, tiny_llama: Path) -> None:
    write_pairs(tmp_path, 6)
    state = generate_explanations(write_manifest(tmp_path, tiny_llama), ranges=2, return_state=True)
    assert state.is_failed()
    assert "there is no deployment generate-range/tiny or generate-range/own; register" in str(state.message)


def _change(receipt: Path, **changes: object) -> None:
    content = {**json.loads(receipt.read_text()), **changes}
    del content["receipt_sha256"]  # as older versions wrote it
    receipt.write_text(json.dumps(content))
