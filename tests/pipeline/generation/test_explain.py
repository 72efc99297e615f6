"""Captions explained from Python against a run of the same manifest."""

from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.generation.explain import explain
from pipeline.generation.generate import generate
from pipeline.job import open_job
from tests.support.dataset import write_manifest, write_pairs
from tests.support.generation import all_rows


def test_a_caption_gets_the_text_of_a_run_and_nothing_is_written(tmp_path: Path, tiny_llama: Path) -> None:
    records = write_pairs(tmp_path, 5)
    manifest = write_manifest(
        tmp_path,
        tiny_llama,
        generation__sampling={"temperature": 0.9, "top_p": 0.9, "max_tokens": 8, "seed": 3},
        generation__engine={"kind": "transformers", "batch_size": 2, "threads": 1, "dtype": "float32"},
    )
    captions = [record["caption"] for record in records]
    rows = explain([*captions, " ", captions[0]], str(manifest))
    assert not (tmp_path / "explanations").exists()
    generate(open_job(manifest))
    made = all_rows(tmp_path / "explanations")
    for row, record in zip(rows, records, strict=False):
        written = made[record["id"]]
        assert (row.key, row.status, row.explanation) == (written.key, written.status, written.explanation)
    assert [row.caption for row in rows[:5]] == captions and rows[0].explanation == rows[6].explanation
    assert rows[5].status == "empty_caption"
    assert explain([], manifest) == []
    with pytest.raises(TypeError):
        explain("one caption", manifest)


def test_an_llm_that_reads_images_explains_no_caption_alone(tmp_path: Path, tiny_llama: Path) -> None:
    write_pairs(tmp_path, 2)
    vllm = {"kind": "vllm", "urls": ["http://127.0.0.1:9/v1"]}
    manifest = write_manifest(tmp_path, tiny_llama, generation__send_image=True, generation__engine=vllm)
    with pytest.raises(PipelineError, match="send_image"):
        explain(["a caption"], manifest)
