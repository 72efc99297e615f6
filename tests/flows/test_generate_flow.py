"""The generation flow on a real Prefect server, with a real (tiny) LLM."""

from pathlib import Path

import pytest

from flows.generate import generate_explanations
from pipeline.errors import PipelineError
from tests.support.dataset import write_manifest, write_pairs
from tests.support.generation import all_rows, find_shards

pytestmark = pytest.mark.usefixtures("prefect_server")


def test_generates_once_and_again_only_what_is_missing(tmp_path: Path, tiny_llama: Path) -> None:
    write_pairs(tmp_path, 30)
    manifest = write_manifest(tmp_path, tiny_llama)
    limited = generate_explanations(manifest, limit=8)
    assert (limited.generated, limited.reused, limited.pending, limited.rows) == (8, 0, 22, 8)
    rest = generate_explanations(manifest)
    assert (rest.generated, rest.reused, rest.pending, rest.rows) == (22, 8, 0, 30)
    assert rest.engine is not None and rest.engine.startswith("transformers ")
    rows = all_rows(tmp_path / "explanations")
    assert all(row.completion_tokens and row.raw_text is not None for row in rows.values())

    again = generate_explanations(manifest)
    assert (again.generated, again.reused, again.engine) == (0, 30, None)
    lost = find_shards(tmp_path / "explanations")[0]
    lost.unlink()
    mended = generate_explanations(manifest)
    assert mended.generated + mended.reused == 30
    assert 0 < mended.generated < 30
    assert all_rows(tmp_path / "explanations") == rows  # greedy: the same texts


def test_a_mistake_fails_the_flow_with_its_message(tmp_path: Path, tiny_llama: Path) -> None:
    write_pairs(tmp_path, 3)
    state = generate_explanations(
        write_manifest(tmp_path, tiny_llama, generation__model="no/model/here"), return_state=True
    )
    assert state.is_failed()
    with pytest.raises(PipelineError, match="no model folder"):
        state.result()
