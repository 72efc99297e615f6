"""What people have on disk since commit 8fdae99 is read by the code of today, and goes on where it was.

tests/data/made_at_8fdae99/README.md says what there is and how it was made.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from flows.cli.main import main
from model.clip.open_clip_import import open_clip
from model.evaluation.evaluate import evaluate, read_metrics
from model.settings.load import load_settings
from model.settings.schema import TrainSettings
from model.training.loop import train
from model.training.run_dir import can_go_on, is_finished, is_measured
from pipeline.job import open_job
from pipeline.pair import Pair
from pipeline.plan.key import Addresses
from pipeline.plan.plan import plan_pairs
from pipeline.readers import read_pairs
from pipeline.readers.notes import ReaderNotes
from tests.support.generation import all_rows, file_digest, find_shards, generate
from tests.support.scripted_engine import ScriptedEngine

MADE = Path(__file__).parent / "data" / "made_at_8fdae99"
WAS = "/tmp/entityclip-made"  # where it was made: these files name their data by absolute paths
NAMES_PATHS = ("runs/*/settings.yaml", "runs/*/state/*/state.json")
RECORDED: dict[str, Any] = json.loads((MADE / "recorded.json").read_text(encoding="utf-8"))


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy, as if it had been made there; the working directory."""
    folder = tmp_path / "made"
    shutil.copytree(MADE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for pattern in NAMES_PATHS:
        for path in folder.glob(pattern):
            path.write_text(path.read_text(encoding="utf-8").replace(WAS, str(folder)), encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def settings(made: Path) -> TrainSettings:
    return load_settings(made / "train.yaml", [])


def _entityclip(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["entityclip", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def _rows(folder: Path) -> dict[str, dict[str, Any]]:
    """As any Parquet reader has them."""
    shards = sorted(folder.glob("split=*/part-*.parquet"))
    return {row["id"]: row for shard in shards for row in pq.read_table(shard, partitioning=None).to_pylist()}


def _has(now: Any, before: Any, where: str = "") -> None:
    """`now` has all of `before`, numbers to rounding; it may have more keys."""
    if isinstance(before, dict):
        for key, value in before.items():
            assert key in now, f"{where}.{key} is gone"
            _has(now[key], value, f"{where}.{key}")
    elif isinstance(before, list):
        assert len(now) == len(before), where
        for number, (one, other) in enumerate(zip(now, before, strict=True)):
            _has(one, other, f"{where}[{number}]")
    elif isinstance(before, float):
        assert now == pytest.approx(before, rel=1e-4, abs=1e-5), where  # the log has five digits
    else:
        assert now == before, where


def _weights(path: Path) -> dict[str, Any]:
    """All but the attention keys' biases: their gradient is rounding alone, and Adam makes steps of it."""
    weights = load_file(path)
    for name in [name for name in weights if name.endswith("in_proj_bias")]:
        query, _, value = weights.pop(name).chunk(3, dim=-1)
        weights |= {f"{name} of queries": query, f"{name} of values": value}
    return weights


@pytest.mark.parametrize("receipts", ["with their receipts", "without"])
def test_every_explanation_is_kept_by_its_key(made: Path, receipts: str) -> None:
    job = open_job(made / "tiny.yaml")
    before = {path: file_digest(path) for path in find_shards(made / "explanations")}
    rows = all_rows(job.output)
    if receipts == "without":
        shutil.rmtree(made / "explanations" / "_receipts")
    generate(job, ScriptedEngine(lost_after=0))
    assert all_rows(job.output) == rows and len(rows) == 54
    if receipts != "without":
        assert {path: file_digest(path) for path in find_shards(made / "explanations")} == before


def test_only_captions_with_special_tokens_get_another_key(made: Path) -> None:
    """The code of 8fdae99 hashed the rendered messages; `</s>` in a caption was the model's end token to it."""
    job = open_job(made / "tiny.yaml")
    keys = {row.id: row.key for row in all_rows(job.output).values()}
    pairs = [*read_pairs(job.manifest, ReaderNotes()), Pair("new", "train", "train-0.png", "ba </s> be")]
    planned = {one.pair.id: one for one in plan_pairs(pairs, job)}
    new = planned.pop("new")
    assert {name: one.key for name, one in planned.items()} == keys
    generation = job.manifest.generation
    before = Addresses(job.model, generation.sampling, generation.engine).address(job.prompt.render(new.pair))
    assert (new.key, new.seed) != before
    ((text, plain),) = zip(
        job.prompts.encode([job.prompts.prompt(new.pair)]), job.model.encode([job.prompt.render(new.pair)]), strict=True
    )
    end = job.model.tokenizer.eos_token_id
    assert end in plain and end not in text and len(text) == len(plain)


def test_an_interrupted_generation_takes_the_answers_from_its_spool(made: Path) -> None:
    """One bucket was finished, four rows of the other were answered, the fifth answer's line is torn."""
    whole = _rows(made / "explanations")
    spool = made / "interrupted" / "_spool" / "bucket-00001.jsonl"
    answered = {json.loads(line)["key"] for line in spool.read_text().splitlines()[1:-1]}
    assert len(answered) == 4
    finished = {row["key"] for row in _rows(made / "interrupted").values()}
    engine = ScriptedEngine()
    generate(open_job(made / "interrupted.yaml"), engine)
    sent = {row["key"] for row in whole.values() if row["finish_reason"]}
    assert set(engine.asked) == sent - finished - answered
    assert len(engine.asked) == len(set(engine.asked)) > 0
    assert not spool.exists()
    now = _rows(made / "interrupted")
    assert now.keys() == whole.keys()
    for row_id, row in whole.items():
        if row["key"] in finished | answered:
            assert now[row_id] == row


def test_inspect_says_the_same(made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _entityclip(monkeypatch, "inspect", "explanations", "--json") == 0
    _has(json.loads(capsys.readouterr().out), RECORDED["inspect"])
    assert _entityclip(monkeypatch, "inspect", "runs/finished", "--json") == 0
    assert json.loads(capsys.readouterr().out)


def test_packed_shards_are_kept_and_made_anew_alike(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made / "packed", made / "again")
    assert _entityclip(monkeypatch, "pack", "explanations", "again", "--size", "16") == 0
    assert "shards packed before: 6" in capsys.readouterr().out
    assert _entityclip(monkeypatch, "pack", "explanations", "anew", "--size", "16", "--image-root", "images") == 0
    packed = _rows(made / "packed")
    assert _rows(made / "anew") == packed
    whole = _rows(made / "explanations")
    assert whole.keys() - packed.keys() == {row_id for row_id, row in whole.items() if row["status"] == "bad_image"}
    for row_id, row in packed.items():
        assert row["image"]["bytes"] == (made / "images" / whole[row_id]["image"]["path"]).read_bytes()


def test_training_reads_packed_shards(made: Path) -> None:
    changed = ["data.explanations=packed", "data.image_root=null", "optim.steps=1"]
    assert train(load_settings(made / "train.yaml", changed), made / "runs" / "packed").steps == 1


def test_a_run_is_known_as_finished_measured_or_resumable(made: Path, settings: TrainSettings) -> None:
    assert is_finished(made / "runs" / "finished", settings)
    assert is_measured(made / "runs" / "finished", settings)
    assert can_go_on(made / "runs" / "unfinished", settings)
    assert not is_finished(made / "runs" / "unfinished", settings)


def test_training_goes_on_from_its_saved_state(
    made: Path, settings: TrainSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends with the weights of the run that was not interrupted."""
    run, finished = made / "runs" / "unfinished", made / "runs" / "finished"
    result = train(settings, run)
    assert "resumed from step 8 of 12" in capsys.readouterr().err
    assert result.steps == 12
    last, best = "state/step-00000012/model.safetensors", "checkpoint/model.safetensors"
    for now, before in ((run / last, made / "last.safetensors"), (run / best, finished / best)):
        torch.testing.assert_close(_weights(now), _weights(before), rtol=0, atol=1e-6)
    logs = [[json.loads(line) for line in (one / "metrics.jsonl").open()] for one in (run, finished)]
    for line in (line for log in logs for line in log):
        del line["seconds"]
    _has(*logs)


def test_evaluation_gives_the_recorded_metrics(made: Path) -> None:
    run = made / "runs" / "finished"
    before = read_metrics(run)
    for metrics in before["splits"].values():
        del metrics["evaluated_with"]
    (run / "metrics.json").unlink()
    evaluate(run)
    _has(read_metrics(run), before)


def test_search_finds_the_same(made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The index names its model by an absolute path, which is gone, and by one from itself."""
    queries = ["ba bo kan", "tor lu", "--image", "images/test-3.png"]
    assert _entityclip(monkeypatch, "search", "index", *queries, "--top", "3", "--json") == 0
    _has(json.loads(capsys.readouterr().out), RECORDED["search"])


def test_the_export_is_loaded_by_open_clip(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"local-dir:{made / 'exported'}"
    clip, _, transform = open_clip.create_model_and_transforms(name)
    tokens = open_clip.get_tokenizer(name)(["ba bo kan"])
    picture = transform(Image.open(made / "images" / "test-3.png")).unsqueeze(0)
    with torch.inference_mode():
        text = clip.eval().encode_text(tokens, normalize=True)[0]
        image = clip.encode_image(picture, normalize=True)[0]
    _has({"text": text.tolist(), "image": image.tolist()}, RECORDED["exported"])
    assert _entityclip(monkeypatch, "export", "runs/finished", "exported-again") == 0
    weights = "open_clip_model.safetensors"
    again, before = load_file(made / "exported-again" / weights), load_file(made / "exported" / weights)
    torch.testing.assert_close(again, before, rtol=0, atol=0)


def test_the_report_shows_a_run(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _entityclip(monkeypatch, "report", "runs/finished", "explanations", "--out", "report.html") == 0
    assert "test-3" in (made / "report.html").read_text(encoding="utf-8")
