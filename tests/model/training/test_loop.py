import json
import shutil

import pytest
import torch
import yaml
from safetensors.torch import load_file

from entityclip.contract.digests import digest
from model.checkpoints.checkpoint import load_clip
from model.code_version import code_version
from model.errors import ModelError
from model.settings.data import SplitSettings
from model.settings.load import load_settings
from model.tracking.progress import doubtful_settings
from model.training.loop import train

pytestmark = pytest.mark.usefixtures("undrawn_curves")


def changed(settings, **sections):
    return settings.model_copy(
        update={
            name: getattr(settings, name).model_copy(update=change) if isinstance(change, dict) else change
            for name, change in sections.items()
        }
    )


def lines(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_a_run_and_what_it_leaves(settings, tmp_path):
    seen = []
    result = train(settings, tmp_path / "run", on_step=lambda step, steps, losses: seen.append((step, losses)))
    log = lines(tmp_path / "run")
    steps = [line for line in log if line["kind"] == "step"]
    validations = [line for line in log if line["kind"] == "validation"]
    assert [step for step, _ in seen] == [line["step"] for line in steps] == [1, 2, 3, 4, 5, 6]
    assert [losses for _, losses in seen] == [line["losses"] for line in steps]
    assert set(steps[0]["losses"]) == {"total", "vtc", "mmae", "itm"} and set(steps[0]["lr"]) == {"towers", "new"}
    assert [line["step"] for line in validations] == [0, 3, 6]
    best = max(validations, key=lambda line: line["metrics"]["mean_recall"])  # the first of equals
    assert (result.best_step, result.best_mean_recall) == (best["step"], best["metrics"]["mean_recall"])

    record = json.loads((tmp_path / "run" / "train.json").read_text())
    assert record["best_step"] == result.best_step and record["steps"] == 6 and record["seed"] == 0
    assert record["data"]["train"]["rows"] == 40 and len(record["data"]["train"]["shards"]) == 2
    assert record["data"]["train"]["truncated_explanations"] == 0 and record["data"]["val"]["rows"] == 12
    state = load_file(tmp_path / "run" / "checkpoint" / "model.safetensors")
    assert record["parameters"]["training_only"] == sum(
        tensor.numel() for name, tensor in state.items() if not name.startswith("clip.")
    )
    assert load_settings(tmp_path / "run" / "settings.yaml", []) == settings
    assert "python" not in yaml.safe_load((tmp_path / "run" / "settings.yaml").read_text())


def test_the_checkpoint_says_what_it_was_made_from(settings, dataset, tmp_path, capfd):
    settings = changed(settings, optim={"steps": 1}, seed=5)
    train(settings, tmp_path / "run")
    card = json.loads((tmp_path / "run" / "checkpoint" / "checkpoint.json").read_text())
    made = card["trained_with"]
    assert made["settings"] == settings.as_plain() and made["seed"] == 5 and made["allow_partial"] is False
    assert made["versions"] == code_version() and made["data"]["train"]["gaps"] == []
    shards = {str(path.relative_to(dataset[0])): digest(path) for path in dataset[0].glob("split=train/*.parquet")}
    assert made["data"]["train"]["shards"] == shards and made["data"]["train"]["used"] == {"ok": 40}
    record = json.loads((tmp_path / "run" / "train.json").read_text())
    assert {name: record[name] for name in made if name != "data"} | {"data": 0} == made | {"data": 0}
    assert record["data"]["val"].items() >= made["data"]["val"].items()
    said = capfd.readouterr().err
    assert "split train: 2 shards, rows used 40 (ok 40), not used 0; dataset toy, explained by tiny" in said
    assert made["data"]["train"]["shards_sha256"][:16] in said and "PARTIAL" not in said


def test_half_made_explanations_need_leave(settings, dataset, tmp_path, capfd):
    folder = shutil.copytree(dataset[0], tmp_path / "explanations")
    (folder / "_receipts" / "bucket-00001.json").unlink()
    settings = changed(settings, optim={"steps": 1}, data={"explanations": folder})
    with pytest.raises(ModelError, match=r"1 of 2 buckets are finished.*entityclip generate.*--allow-partial"):
        train(settings, tmp_path / "run")
    train(changed(settings, data={"allow_partial": True}), tmp_path / "run")
    warning = "PARTIAL: the explanations of split train are incomplete: 1 of 2"
    assert capfd.readouterr().err.count(warning) == 2  # before the steps and after them
    record = json.loads((tmp_path / "run" / "train.json").read_text())
    assert record["allow_partial"] is True and record["data"]["val"]["gaps"] == ["1 of 2 buckets are finished"]
    with pytest.raises(ModelError, match="are incomplete"):
        train(settings, tmp_path / "run", overwrite=True)
    assert json.loads((tmp_path / "run" / "train.json").read_text()) == record  # refused before anything is lost


def test_the_same_seed_gives_the_same_weights(settings, tmp_path):
    settings = changed(settings, data={"splits": settings.data.splits.model_copy(update={"val": None})})
    states = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        torch.rand(len(states))  # what the caller did with torch's generator must not matter
        train(changed(settings, seed=seed), tmp_path / name)
        states.append(load_file(tmp_path / name / "checkpoint" / "model.safetensors"))
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert any(not torch.equal(states[0][key], states[2][key]) for key in states[0])


def test_training_lowers_every_loss(settings, tmp_path):
    optim = {"steps": 120, "batch_size": 16, "lr": 3e-3}
    train(changed(settings, optim=optim, evaluation={"every": 120}), tmp_path / "run")
    steps = [line["losses"] for line in lines(tmp_path / "run") if line["kind"] == "step"]
    for name, share in {"vtc": 0.5, "mmae": 0.5, "itm": 1.0}.items():  # the drawn negatives grow harder
        first, last = (sum(losses[name] for losses in part) / 10 for part in (steps[:10], steps[-10:]))
        assert last < share * first, name


def test_training_starts_from_an_earlier_run_which_may_then_be_deleted(settings, tmp_path):
    first = train(changed(settings, optim={"lr": 1e-3}), tmp_path / "first")
    earlier = {name: tensor.clone() for name, tensor in load_clip(tmp_path / "first").clip.state_dict().items()}
    short = changed(settings, optim={"steps": 1, "lr": 1e-12}, evaluation={"every": 1})
    for folder in ("first", "first/checkpoint"):
        later = changed(short, towers={"model": f"local-dir:{tmp_path / folder}"})
        train(later, tmp_path / "second", overwrite=True)
        before = next(line for line in lines(tmp_path / "second") if line["kind"] == "validation")
        assert before["metrics"]["mean_recall"] == first.best_mean_recall
    shutil.rmtree(tmp_path / "first")
    reloaded = load_clip(tmp_path / "second").clip.state_dict()
    assert all(torch.allclose(tensor, earlier[name], atol=1e-6) for name, tensor in reloaded.items())


def test_plain_clip_needs_no_explanations_and_no_validation(settings, tmp_path):
    plain = settings.method.model_copy(update={"mmae": False, "gi_itm": False})
    splits = settings.data.splits.model_copy(update={"val": None})
    result = train(changed(settings, method=plain, data={"splits": splits}), tmp_path / "run")
    assert (result.best_step, result.best_mean_recall) == (6, None)
    record = json.loads((tmp_path / "run" / "train.json").read_text())
    assert record["parameters"]["training_only"] == 0
    assert record["data"]["train"]["truncated_explanations"] is None and "val" not in record["data"]


def test_a_finished_run_is_not_overwritten_by_accident(settings, tmp_path):
    short = changed(settings, optim={"steps": 1})
    train(short, tmp_path / "run")
    (tmp_path / "run" / "metrics.json").write_text("{}")
    with pytest.raises(ModelError, match="contains a finished run"):
        train(short, tmp_path / "run")
    train(short, tmp_path / "run", overwrite=True)
    assert not (tmp_path / "run" / "metrics.json").exists()


def test_too_few_rows_are_named_before_training(settings, tmp_path):
    with pytest.raises(ModelError, match=r"40 usable rows, fewer than optim\.batch_size=64"):
        train(changed(settings, optim={"batch_size": 64}), tmp_path / "run")
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def test_micro_batches_train_the_same_model(settings, tmp_path):
    splits = settings.data.splits.model_copy(update={"val": None})
    settings = changed(settings, data={"splits": splits})
    train(settings, tmp_path / "whole")
    train(changed(settings, optim={"micro_batch_size": 3}), tmp_path / "pieces")
    whole, pieces = (load_file(tmp_path / name / "checkpoint" / "model.safetensors") for name in ("whole", "pieces"))
    for name in whole:  # Adam's steps are of about lr whatever the gradient's size, so rounding shows as a part of lr
        torch.testing.assert_close(pieces[name], whole[name], rtol=0, atol=0.1 * settings.optim.lr)


def test_choices_that_make_numbers_mean_little_are_warned_of(settings, tmp_path, capfd):
    optim = {"steps": 1}
    train(changed(settings, optim=optim), tmp_path / "plain")
    assert "warning:" not in capfd.readouterr().err
    splits = SplitSettings(val="train", test="train")
    train(changed(settings, optim=optim, data={"splits": splits}, lock={"image": True, "text": True}), tmp_path / "run")
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert [line.split()[1:6] for line in said] == [
        "the validation split is the".split(),
        "data.splits.test is the training split".split()[:5],
        "both towers are locked as".split(),
    ]
    assert list(doubtful_settings(settings, {"train": {"a": "1", "b": "2"}, "val": {"c": "2"}})) == [
        "the validation split val has a shard with the same content as one of the training split train"
    ]
