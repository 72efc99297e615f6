"""What the final states of the flows say, on a real Prefect server."""

from pathlib import Path

import pytest

from flows.generate import generate_explanations
from flows.project_paths import PROJECT
from flows.train import train_entityclip
from pipeline.generation.prepare import prepare
from pipeline.job import open_job
from tests.support.dataset import write_manifest, write_pairs
from tests.support.fake_vllm import FakeVllm

pytestmark = pytest.mark.usefixtures("prefect_server")


def test_row_errors_are_counted_and_too_many_fail_the_run(tmp_path: Path, tiny_llama: Path) -> None:
    write_pairs(tmp_path, 60)
    with FakeVllm(tiny_llama.name) as fake:
        engine = {"kind": "vllm", "urls": [fake.url], "prompts_per_request": 1, "concurrency": 1}
        judge = {"min_entities_share": 0.0, "clip_tokenizer": str(PROJECT / "data_manifests" / "heraldry" / "clip")}
        changes = {"generation__engine": engine, "generation__judge": judge, "num_shards": 1}
        manifest = write_manifest(tmp_path, tiny_llama, **changes)
        job = open_job(manifest)
        pairs = prepare(job).bucket(0).pairs()
        prompts = [tuple(ids) for ids in job.model.encode([job.prompt.render(planned.pair) for planned in pairs])]

        fake.refused = set(prompts)
        failed = generate_explanations(manifest, return_state=True)
        assert failed.is_failed()
        assert "20 of 20 answers are errors (generation.max_error_share is 0.5): 20 x HTTP 400" in str(failed.message)
        assert "Finished answers are kept; run again to continue" in str(failed.message)

        fake.refused = set(prompts[57:])
        state = generate_explanations(manifest, redo="error", return_state=True)
        assert state.is_completed()
        assert state.message == "57 ok, 3 error; generated 60, reused 0"


def test_training_without_explanations_names_the_command_that_makes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # wherever a worker stands, paths start at the project
    nowhere = tmp_path / "goodnews"
    overrides = ["towers.model=local-dir:data_manifests/heraldry/clip", "towers.pretrained=null"]
    config = Path("data_manifests/goodnews/train.yaml")
    state = train_entityclip(config, nowhere, overrides, return_state=True)
    assert state.is_failed()
    assert "generate them with: entityclip generate data_manifests/goodnews.yaml" in str(state.message)
    assert not nowhere.exists()
