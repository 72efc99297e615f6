"""A preview against a real run of the same manifest, and its choice against a plain sort."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.checking.preview import choose_pairs, preview
from pipeline.errors import PipelineError
from pipeline.generation.generate import generate
from pipeline.job import open_job
from pipeline.pair import Pair
from tests.support.dataset import save_records, write_manifest, write_pairs
from tests.support.fake_vllm import FakeVllm
from tests.support.generation import all_rows


def _files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_the_rows_are_those_of_a_run_and_nothing_is_written(tmp_path: Path, tiny_llama: Path) -> None:
    """Sampled, and in other batches than the run's: each row has a seed of its own."""
    records = write_pairs(tmp_path, 24)
    (tmp_path / "images" / "3.png").unlink()
    records[4]["caption"] = " "
    records[5]["caption"] = "ba " * 500
    save_records(tmp_path, records)
    manifest = write_manifest(
        tmp_path,
        tiny_llama,
        generation__sampling={"temperature": 0.9, "top_p": 0.9, "max_tokens": 8, "seed": 3},
        generation__engine={"kind": "transformers", "batch_size": 7, "threads": 1, "dtype": "float32"},
    )
    before = _files(tmp_path)
    some, every = preview(open_job(manifest), 5), preview(open_job(manifest), 99)
    assert _files(tmp_path) == before
    generate(open_job(manifest))
    rows = all_rows(tmp_path / "explanations")
    assert len(some.explained.rows) == 5 and {row.id: row for row in some.explained.rows}.items() <= rows.items()
    assert {row.id: row for row in every.explained.rows} == rows
    assert every.explained.rows[:5] == some.explained.rows
    assert {"bad_image", "empty_caption", "too_long", "truncated"} <= Counter(
        row.status for row in every.explained.rows
    ).keys()
    assert every.explained.prompts.keys() == {row.key for row in rows.values() if row.was_sent}
    assert every.pairs == {"train": 16, "test": 8}
    assert every.explained.engine is not None and every.explained.engine.startswith("transformers ")
    assert every.estimated_seconds == every.explained.opening_seconds + 24 * every.explained.seconds / len(
        every.explained.prompts
    )


def test_where_nothing_can_be_sent_no_engine_is_opened(
    tmp_path: Path, tiny_llama: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = write_pairs(tmp_path, 4)
    save_records(tmp_path, [record | {"caption": ""} for record in records])
    found = preview(open_job(write_manifest(tmp_path, tiny_llama)), 2)
    assert [row.status for row in found.explained.rows] == ["empty_caption"] * 2
    assert (found.explained.engine, found.estimated_seconds, found.explained.prompts) == (None, None, {})
    assert "opening" not in capsys.readouterr().err


def test_a_server_that_refuses_a_prompt_costs_that_row(tmp_path: Path, tiny_llama: Path) -> None:
    write_pairs(tmp_path, 9)
    with FakeVllm(tiny_llama.name) as server:
        manifest = write_manifest(tmp_path, tiny_llama, generation__engine={"kind": "vllm", "urls": [server.url]})
        job = open_job(manifest)
        first = preview(job, 1)
        (prompt,) = server.asked
        server.refused.add(prompt)
        second = preview(job, 2)
    assert second.explained.rows[0].status == "error"
    assert "HTTP 400" in str(second.explained.rows[0].error)
    assert first.explained.rows[0].explanation is not None and second.explained.rows[1].explanation is not None


def test_one_split_and_one_that_is_not_there(tmp_path: Path, tiny_llama: Path) -> None:
    write_pairs(tmp_path, 9)
    job = open_job(write_manifest(tmp_path, tiny_llama))
    assert {row.split for row in preview(job, 2, "test").explained.rows} == {"test"}
    with pytest.raises(PipelineError, match=r"no pairs in split 'dev'; it has: train \(6\), test \(3\)"):
        preview(job, 2, "dev")


@pytest.mark.parametrize(
    "changed",
    [
        {"generation__engine": {"kind": "vllm", "python": "nowhere/python"}},
        {"generation__engine": {"kind": "vllm", "urls": ["http://127.0.0.1:1/v1"], "api_key_env": "NO_KEY"}},
    ],
)
def test_an_engine_that_cannot_be_had_is_told_before_the_data_is_read(
    changed: dict[str, Any], tmp_path: Path, tiny_llama: Path
) -> None:
    with pytest.raises(PipelineError, match=r"make vllm-env|NO_KEY is not set"):  # and not that there is no data
        preview(open_job(write_manifest(tmp_path, tiny_llama, **changed)), 1)


def test_the_choice_takes_each_split_in_turn_and_does_not_depend_on_the_order() -> None:
    rng = random.Random(0)
    pairs = [Pair(f"p{i}", rng.choice(["train"] * 8 + ["test", "odd"]), "", "") for i in range(300)]
    chosen, counts = choose_pairs(pairs, 12)
    assert counts == Counter(pair.split for pair in pairs) and list(counts) == ["train", "test", "odd"]
    assert [pair.split for pair in chosen] == ["train", "test", "odd"] * 4
    assert len(set(chosen)) == 12
    assert choose_pairs(rng.sample(pairs, 300), 12)[0] == chosen
    assert choose_pairs(pairs, 5)[0] == chosen[:5]
    assert choose_pairs(pairs, 4, "train")[0] == [pair for pair in chosen if pair.split == "train"]
    everything, _ = choose_pairs(pairs, 1000)
    assert set(everything) == set(pairs) and everything[:12] == chosen
    drawn = Counter(int(pair.id[1:]) // 100 for pair in choose_pairs(pairs, 90, "train")[0])
    assert all(10 < drawn[third] < 50 for third in range(3))  # from everywhere in the data
