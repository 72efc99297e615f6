"""Resume under random histories: limits, lost engines, edits, deleted shards, in any order."""

import tempfile
from pathlib import Path

from hypothesis import given, settings, strategies as st

from pipeline.errors import PipelineError
from pipeline.generation.spool import read_spool
from pipeline.job import Job, open_job
from tests.support.dataset import save_records, write_manifest, write_pairs
from tests.support.generation import all_rows, find_shards, generate
from tests.support.scripted_engine import ScriptedEngine

COUNT = 12
EVENTS = st.one_of(
    st.tuples(st.just("limit"), st.integers(1, COUNT)),
    st.tuples(st.just("lose"), st.integers(0, COUNT)),
    st.tuples(st.just("edit"), st.integers(0, COUNT - 1)),
    st.tuples(st.just("same"), st.integers(0, COUNT - 1)),  # gets the first pair's caption
    st.tuples(st.just("remove"), st.integers(0, COUNT - 1)),
    st.tuples(st.just("delete"), st.integers(0, 3)),
    st.tuples(st.just("reverse"), st.just(0)),
)


@given(history=st.lists(EVENTS, max_size=6))
@settings(max_examples=25, deadline=None)
def test_any_history_ends_in_one_row_a_pair_and_no_text_is_generated_twice(
    tiny_llama: Path, history: list[tuple[str, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        records = write_pairs(root, COUNT)
        job = open_job(write_manifest(root, tiny_llama))

        def run(limit: int | None = None, lost_after: int | None = None) -> None:
            there = _answered(job)
            engine = ScriptedEngine(lost_after)
            try:
                generate(job, engine, limit)
            except PipelineError:
                assert lost_after is not None
            assert len(set(engine.asked)) == len(engine.asked)
            assert not set(engine.asked) & there
            assert set(engine.asked) <= _answered(job)  # nothing answered is lost

        for step, (event, number) in enumerate(history):
            if event == "limit":
                run(limit=number)
            elif event == "lose":
                run(lost_after=number)
            elif event == "edit" and number < len(records):
                records[number]["caption"] = f"edited {step}"
            elif event == "same" and number < len(records):
                records[number]["caption"] = records[0]["caption"]
            elif event == "remove" and number < len(records) and len(records) > 1:
                del records[number]
            elif event == "reverse":
                records.reverse()
            elif event == "delete":
                for path in find_shards(job.output)[number : number + 1]:
                    path.unlink()
            save_records(root, records)
        run()
        rows = all_rows(job.output)
        assert {i: row.caption for i, row in rows.items()} == {r["id"]: r["caption"] for r in records}
        assert all(row.explanation == f"about {row.key}" for row in rows.values())
        run()


def _answered(job: Job) -> set[str]:
    """Keys that have an answer, in a shard or in a spool."""
    spools = [read_spool(path) for path in (job.output / "_spool").glob("*")]
    spooled = {c.key for sessions in spools for session in sessions for c in session.completions}
    return spooled | {row.key for row in all_rows(job.output).values() if row.was_sent}
