"""A run that was stopped or killed, and went on, is the run that was never interrupted."""

import json
import random
import shutil
import signal
from pathlib import Path

import pytest
from safetensors.torch import load_file

from model.errors import ModelError
from model.settings.schema import TrainSettings
from model.tracking.trackers import flatten
from model.training.loop import train
from model.training.resume import FREE, changes
from model.training.run_dir import can_go_on, is_finished
from model.training.stop_signal import Stopped
from tests.model.shard_writer import row, write_receipts, write_shard
from tests.support.killable_training import count_moments, run

pytestmark = pytest.mark.usefixtures("undrawn_curves")

STEPS = 12


def changed(settings: TrainSettings, **sections) -> TrainSettings:
    return TrainSettings.model_validate(
        settings.model_dump()
        | {
            name: settings.model_dump()[name] | change if isinstance(change, dict) else change
            for name, change in sections.items()
        }
    )


def killable(settings: TrainSettings) -> TrainSettings:
    """Validated on the training rows: the recall rises, so there are several best checkpoints."""
    splits = {"train": "train", "val": "train", "test": "test"}
    return changed(
        settings,
        optim={"steps": STEPS, "lr": 3e-3, "new_lr": 3e-3},
        data={"splits": splits},
        evaluation={"every": 3, "batch_size": 20},
        checkpoint={"every": 2, "keep": 2},
    )


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, clip_folder, dataset) -> tuple[TrainSettings, Path, list[str]]:
    """Settings, a run of them, and its moments: every change of a file, every step, every batch of a validation."""
    plain = {
        "towers": {"model": f"local-dir:{clip_folder}"},
        "method": {"image_experts": 2, "shared_experts": 1, "text_experts": 1, "anchor_text_weight": 0.5},
        "data": {"explanations": dataset[0], "workers": 0},
        "optim": {"steps": STEPS, "batch_size": 8},
        "threads": 1,
        "device": "cpu",
    }
    settings = killable(TrainSettings.model_validate(plain))
    out = tmp_path_factory.mktemp("uninterrupted") / "run"
    return settings, out, count_moments(settings, out)


def everything(out: Path) -> dict[str, object]:
    """All that a run leaves, but for times, and for the commit, as the tree may be edited while this runs."""
    log = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    record = json.loads((out / "train.json").read_text())
    states = {path.name: json.loads((path / "state.json").read_text()) for path in (out / "state").iterdir()}
    for timed in (*log, record, *(state["position"] for state in states.values())):
        for name in ("seconds", "step_seconds", "samples_per_second"):
            timed.pop(name, None)
    tensors = {
        str(path.relative_to(out)): {name: tensor.numpy().tobytes() for name, tensor in load_file(path).items()}
        for folder in ("state", "checkpoint")
        for path in (out / folder).rglob("*.safetensors")
    }
    card = json.loads((out / "checkpoint" / "checkpoint.json").read_text())
    for state in states.values():
        del state["random"]["python"]  # threads of other tests draw from this generator; training does not
    for origin in (record, card["trained_with"], *(state["origin"] for state in states.values())):
        del origin["versions"]["git"]
    return {"log": log, "record": record, "states": states, "tensors": tensors, "card": card}


def assert_the_same(out: Path, reference: Path) -> None:
    found, expected = everything(out), everything(reference)
    assert found["tensors"].keys() == expected["tensors"].keys()
    for name, content in expected["tensors"].items():
        assert found["tensors"][name] == content, name
    for name, state in expected["states"].items():
        for part, content in state.items():
            assert found["states"][name][part] == content, f"{part} of {name}"  # short, so that a failure can be read
    for part in ("log", "states", "card", "record"):
        assert found[part] == expected[part], part


def between(moments: list[str], *, after: str, before: str, last: bool = False) -> int:
    """A moment `before` that follows directly on a moment `after`."""
    found = [i for i in range(1, len(moments)) if moments[i - 1] == after and moments[i] == before]
    return found[-1 if last else 0]


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_bit(uninterrupted, tmp_path):
    settings, reference, moments = uninterrupted
    out = tmp_path / "run"
    # the old checkpoint is aside and the new one has no name yet
    at = between(moments, after="os.rename checkpoint", before="os.rename .checkpoint.whole")
    assert run(settings, out, signal_at=at) == -signal.SIGKILL
    assert not (out / "train.json").exists()
    assert run(settings, out) == 0
    assert_the_same(out, reference)


def seeded_moments(moments: list[str]) -> dict[str, int]:
    """Ten: four kinds that must be among them, and any six others."""
    chosen = random.Random(6)

    def some(kind: str) -> int:
        return chosen.choice([i for i, moment in enumerate(moments) if kind in moment])

    after_checkpoint = [i for i in range(1, len(moments)) if moments[i - 1] == "os.rename .checkpoint.whole"]
    kinds = {
        "a step": some("after step"),
        "writing a state": some("state/.step-"),
        "a state's name": some("os.rename state/.step-"),
        "a validation": some("validation"),
        "right after a best checkpoint": after_checkpoint[-1],
    }
    begun = moments.index("after step 1")
    return kinds | {f"moment {at}": at for at in chosen.sample(range(begun, len(moments)), 10 - len(kinds))}


@pytest.mark.slow
def test_killed_at_ten_seeded_moments(uninterrupted, tmp_path):
    settings, reference, moments = uninterrupted
    assert moments.count("os.rename checkpoint") >= 2, "the best changes during training"
    for number, at in enumerate(seeded_moments(moments).values()):
        out = tmp_path / f"run-{number}"
        assert run(settings, out, signal_at=at) == -signal.SIGKILL
        assert run(settings, out) == 0
        assert_the_same(out, reference)


@pytest.mark.slow
def test_killed_again_and_again(uninterrupted, tmp_path):
    """Every process dies a random number of moments after its start, until one has nothing left to do."""
    settings, reference, _ = uninterrupted
    chosen, code, deaths = random.Random(7), -signal.SIGKILL, 0
    while code != 0:
        code = run(settings, tmp_path / "run", signal_at=chosen.randrange(20, 100))
        deaths += code == -signal.SIGKILL
    assert deaths >= 3
    assert_the_same(tmp_path / "run", reference)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moment", "number", "code", "step"),
    [
        ("after step 5", signal.SIGTERM, 0, 5),
        ("after step 7", signal.SIGINT, 130, 7),
        ("validation", signal.SIGTERM, 0, STEPS),  # the last one
    ],
)
def test_a_request_to_stop_saves_the_step(moment, number, code, step, uninterrupted, tmp_path):
    settings, reference, moments = uninterrupted
    out = tmp_path / "run"
    at = len(moments) - 1 - moments[::-1].index(moment)
    assert run(settings, out, signal_at=at, number=number) == code
    assert max(path.name for path in (out / "state").iterdir()) == f"step-{step:08d}"
    assert not (out / "train.json").exists() and can_go_on(out, settings)
    assert run(settings, out) == 0
    assert is_finished(out, settings) and not can_go_on(out, settings)
    assert_the_same(out, reference)


@pytest.fixture
def unfinished(settings, tmp_path) -> Path:
    with pytest.raises(Stopped):
        train(settings, tmp_path / "run", on_step=asking_to_stop(4))
    return tmp_path / "run"


def test_changed_settings_are_named_and_refused_where_they_matter(settings, unfinished, capfd):
    kept = {path: path.read_bytes() for path in unfinished.rglob("*") if path.is_file()}
    for sections, words in (
        ({"optim": {"steps": 9}}, r"optim\.steps: 6 -> 9 \(the learning rate schedule .*`entityclip export`"),
        ({"optim": {"lr": 0.5}, "seed": 3}, r"optim\.lr: 0\.001 -> 0\.5\n  seed: 0 -> 3\n"),
        ({"method": {"gi_itm": False}, "threads": 2}, r"  method\.gi_itm: True -> False\n[^ ]*/settings\.yaml"),
        ({"evaluation": {"every": 2}}, r"evaluation\.every: 3 -> 2"),
    ):
        other = changed(settings, **sections)
        assert not can_go_on(unfinished, other)
        with pytest.raises(ModelError, match=words):
            train(other, unfinished)
    assert kept == {path: path.read_bytes() for path in unfinished.rglob("*") if path.is_file()}
    free = changed(settings, checkpoint={"keep": 1, "every": 1}, evaluation={"batch_size": 4}, data={"cache_mib": 0})
    assert can_go_on(unfinished, free)
    capfd.readouterr()
    train(free, unfinished)
    said = capfd.readouterr().err
    assert "changed setting checkpoint.keep: 2 -> 1 (no effect on training or checkpoint selection)" in said
    assert "changed setting evaluation.batch_size: 5 -> 4 (mathematically equivalent" in said
    assert [path.name for path in (unfinished / "state").iterdir()] == ["step-00000006"]
    assert "step 6: state saved, 1." in said and " MiB in 0." in said


def test_fields_that_may_change_exist(settings):
    assert set(FREE) <= set(dict(flatten(settings.as_plain())))
    assert changes(settings.as_plain(), settings) == []
    old = settings.as_plain()
    del old["checkpoint"]  # a run of before there were states
    assert changes(old, settings) == []


def test_other_data_is_refused(settings, dataset, unfinished, tmp_path):
    copy = shutil.copytree(dataset[0], tmp_path / "explanations")
    elsewhere = changed(settings, data={"explanations": copy})
    assert can_go_on(unfinished, elsewhere), "the same shards in another folder"
    rows = [row(number, "train") for number in range(1, 40, 2)]
    write_shard(copy, "train", [{**rows[0], "caption": "another"}, *rows[1:]], dataset[1], 1, 2)
    write_receipts(copy, 2)
    assert not can_go_on(unfinished, elsewhere)
    with pytest.raises(ModelError, match=r"different data: split=train/part-00001-of-00002\.parquet changed; choose"):
        train(elsewhere, unfinished)


def test_overwrite_begins_anew(settings, unfinished, capfd):
    train(settings, unfinished, overwrite=True)
    assert "resumed" not in capfd.readouterr().err
    steps = [json.loads(line)["step"] for line in (unfinished / "metrics.jsonl").read_text().splitlines()]
    assert steps == [0, 1, 2, 3, 3, 4, 5, 6, 6]


def test_a_damaged_state_is_named_and_never_passed_over(settings, unfinished):
    (state,) = (unfinished / "state").iterdir()
    content = bytearray((state / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (state / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.safetensors has changed since it was saved; remove .*step-00000004"):
        train(settings, unfinished)


def test_one_trainer_a_folder(settings, tmp_path):
    def meanwhile(step: int, steps: int, losses: dict[str, float]) -> None:
        if step == 2:
            with pytest.raises(ModelError, match="another process is training in"):
                train(settings, tmp_path / "run", overwrite=True)

    train(settings, tmp_path / "run", on_step=meanwhile)


def asking_to_stop(step: int):
    """Ask to stop after a step."""
    return lambda now, *_: signal.raise_signal(signal.SIGTERM) if now == step else None


def test_a_run_goes_on_from_the_state_before_a_damaged_one(uninterrupted, tmp_path, capfd):
    """Whatever file of the last state is damaged or gone; it ends as if nothing had happened."""
    settings, reference, _ = uninterrupted
    for number, (name, damage) in enumerate(
        {
            "model.safetensors": lambda path: path.write_bytes(path.read_bytes()[:-3]),
            "optimizer.safetensors": lambda path: path.unlink(),
            "state.json": lambda path: path.write_text(path.read_text().replace('"batches": 8', '"batches": 9')),
        }.items()
    ):
        out = tmp_path / f"run-{number}"
        with pytest.raises(Stopped):
            train(settings, out, on_step=asking_to_stop(8))
        assert sorted(path.name for path in (out / "state").iterdir()) == ["step-00000006", "step-00000008"]
        damage(out / "state" / "step-00000008" / name)
        assert can_go_on(out, settings)
        capfd.readouterr()
        train(settings, out)
        said = capfd.readouterr().err
        assert "passed over the state of step 8" in said and name in said and "damaged-step-00000008" in said
        assert "resumed from step 6 of 12" in said
        shutil.rmtree(out / "state" / "damaged-step-00000008")
        assert_the_same(out, reference)


def _lose_checkpoint(out: Path) -> None:
    shutil.rmtree(out / "checkpoint")


def _spoil_checkpoint(out: Path) -> None:
    content = bytearray((out / "checkpoint" / "towers.safetensors").read_bytes())
    content[-1] ^= 1
    (out / "checkpoint" / "towers.safetensors").write_bytes(content)


@pytest.mark.parametrize("damage", [_lose_checkpoint, _spoil_checkpoint])
def test_a_lost_checkpoint_is_written_again_from_the_state_of_its_step(damage, uninterrupted, tmp_path, capfd):
    settings, reference, _ = uninterrupted
    best = json.loads((reference / "checkpoint" / "checkpoint.json").read_text())["step"]
    out = tmp_path / "run"
    every = changed(settings, checkpoint={"every": 1, "keep": 20})
    with pytest.raises(Stopped):
        train(every, out, on_step=asking_to_stop(best + 2))
    damage(out)
    train(settings, out)
    said = capfd.readouterr().err
    assert f"the checkpoint of step {best} was written again from the state of that step" in said
    assert f"its best weights, of step {best}, are lost" in said and f"resumed from step {best} of" in said
    for path in (out / "state").glob("damaged-*"):
        shutil.rmtree(path)
    found, wanted = everything(out), everything(reference)
    of_checkpoint = [name for name in wanted["tensors"] if name.startswith("checkpoint")]
    assert of_checkpoint and all(found["tensors"][name] == wanted["tensors"][name] for name in of_checkpoint)
    assert found["log"] == wanted["log"]


def test_a_run_never_finishes_without_its_checkpoint(settings, unfinished, tmp_path):
    """Its best weights are in no state that was kept: it says so, and changes nothing."""
    card = json.loads((unfinished / "checkpoint" / "checkpoint.json").read_text())
    assert card["step"] != 4
    _lose_checkpoint(unfinished)
    kept = {path: path.read_bytes() for path in unfinished.rglob("*") if path.is_file()}
    with pytest.raises(ModelError, match=rf"best weights, of step {card['step']}, are lost: no checkpoint at .*--over"):
        train(settings, unfinished)
    assert kept == {path: path.read_bytes() for path in unfinished.rglob("*") if path.is_file()}


def test_a_finished_run_that_lost_its_checkpoint_is_not_finished(settings, tmp_path):
    splits = settings.data.splits.model_copy(update={"val": None})  # the checkpoint is of the last step, as a state is
    settings = settings.model_copy(update={"data": settings.data.model_copy(update={"splits": splits})})
    run = tmp_path / "run"
    train(settings, run)
    with pytest.raises(ModelError, match="contains a finished run"):
        train(settings, run)
    assert is_finished(run, settings)
    _spoil_checkpoint(run)
    assert not is_finished(run, settings)
    _lose_checkpoint(run)
    assert not is_finished(run, settings) and can_go_on(run, settings)
    train(settings, run)
    assert is_finished(run, settings)
    _lose_checkpoint(run)
    shutil.rmtree(run / "state")
    with pytest.raises(ModelError, match=r"finished run that has lost its checkpoint and has no saved state; .*--over"):
        train(settings, run)


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-8] + b"\0" * 8)])
def test_lost_anchors_are_encoded_again_as_they_were(damage, uninterrupted, tmp_path, capfd):
    settings, reference, _ = uninterrupted
    out = tmp_path / "run"
    with pytest.raises(Stopped):
        train(settings, out, on_step=asking_to_stop(5))
    damage(out / "anchors.safetensors")
    train(settings, out)
    assert (
        "the explanations were encoded again with the initial weights, with the same result" in capfd.readouterr().err
    )
    assert_the_same(out, reference)


def test_other_anchors_than_the_runs_are_refused(uninterrupted, tmp_path):
    settings, _, _ = uninterrupted
    out = tmp_path / "run"
    with pytest.raises(Stopped):
        train(settings, out, on_step=asking_to_stop(5))
    card = out / "state" / "step-00000005" / "state.json"
    content = json.loads(card.read_text())
    card.write_text(json.dumps(content | {"anchors": "0" * 64}))
    card.with_name("state.json.sha256").unlink()
    with pytest.raises(ModelError, match=r"encoding the explanations again gives other values.*--overwrite"):
        train(settings, out)
