import json
import shutil

import pyarrow.parquet as pq
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from model.checkpoints.checkpoint import load_entityclip, load_trained_towers
from model.clip.open_clip_import import open_clip
from model.errors import ModelError
from model.evaluation.evaluate import evaluate, read_metrics
from model.exporting.export import RECORD, export
from model.settings.data import SplitSettings
from model.training.loop import train
from tests.model.shard_writer import picture, row, write_receipts, write_shard

pytestmark = pytest.mark.usefixtures("undrawn_curves")


@pytest.fixture
def run(settings, tmp_path):
    train(settings, tmp_path / "run")
    return tmp_path / "run"


def test_metrics_are_those_of_plain_open_clip(settings, tmp_path):
    """Loads the towers into open_clip by itself, encodes one pair at a time, ranks by sorting."""
    run = tmp_path / "run"
    train(settings.model_copy(update={"data": settings.data.model_copy(update={"workers": 2})}), run)
    metrics = evaluate(run)["test"]
    clip, _, transform = open_clip.create_model_and_transforms(settings.towers.model)
    clip.load_state_dict(load_file(run / "checkpoint" / "towers.safetensors"))
    clip.eval()
    tokenizer = open_clip.get_tokenizer(settings.towers.model)
    ids = json.loads((run / "test_ids.json").read_text())
    assert sorted(ids) == [f"test-{n:03d}" for n in range(15)]
    numbers = [int(name.removeprefix("test-")) for name in ids]
    with torch.no_grad():
        image = torch.cat([clip.encode_image(transform(picture(n))[None]) for n in numbers])
        text = torch.cat([clip.encode_text(tokenizer([f"lord of name{n}"])) for n in numbers])
    saved = load_file(run / "test_embeddings.safetensors")
    torch.testing.assert_close(saved["image"], F.normalize(image, dim=-1), rtol=0, atol=1e-6)
    torch.testing.assert_close(saved["text"], F.normalize(text, dim=-1), rtol=0, atol=1e-6)

    scores = saved["image"] @ saved["text"].T
    ranks = pq.read_table(run / "test_ranks.parquet").to_pydict()
    assert ranks["id"] == ids and ranks["right_answers"] == [1] * 15
    for name, table in (("image_to_text", scores), ("text_to_image", scores.T)):
        places = (table.argsort(dim=1, descending=True) == torch.arange(15)[:, None]).int().argmax(dim=1)
        assert ranks[name] == (1 + places).tolist()
        for k in (1, 5, 10):
            assert metrics[name][f"R@{k}"] == pytest.approx(100 * (places < k).float().mean().item())
        main = places[[i for i, n in enumerate(numbers) if n % 3]]
        assert metrics["by_topic"]["main"][name]["MeanR"] == pytest.approx(1 + main.float().mean().item())
    assert metrics["by_topic"]["rare"]["queries"] == 5 and metrics["gallery"] == metrics["queries"] == 15
    assert metrics["chance"]["image_to_text"]["R@5"] == pytest.approx(100 * 5 / 15)
    assert metrics["intervals"]["clusters"] == 15
    for name in ("mean_recall", "image_to_text"):
        low, high = metrics["intervals"][name] if name == "mean_recall" else metrics["intervals"][name]["MRR"]
        assert low < (metrics[name] if name == "mean_recall" else metrics[name]["MRR"]) < high
    assert read_metrics(run)["splits"] == {"test": metrics}


def test_a_run_needs_nothing_of_what_it_began_from(settings, clip_folder, tmp_path):
    """The model folder is gone, and the run is somewhere else."""
    base = shutil.copytree(clip_folder, tmp_path / "base")
    towers = settings.towers.model_copy(update={"model": f"local-dir:{base}"})
    train(settings.model_copy(update={"towers": towers}), tmp_path / "run")
    before = evaluate(tmp_path / "run")
    shutil.rmtree(base)
    run = (tmp_path / "run").rename(tmp_path / "moved")
    assert evaluate(run) == before
    assert load_entityclip(run)[0].method == settings.method
    exported = json.loads((export(run, tmp_path / "out") / RECORD).read_text())
    assert exported["trained_from"]["model"] == "local-dir:base"
    assert not list(run.glob("checkpoint/towers/*.safetensors"))  # the trained weights are there once


def test_partial_explanations_are_measured_only_if_allowed(run, dataset, tmp_path):
    folder = shutil.copytree(dataset[0], tmp_path / "explanations")
    (folder / "_receipts" / "bucket-00000.json").unlink()
    with pytest.raises(ModelError, match="are incomplete: 1 of 2 buckets"):
        evaluate(run, explanations=folder)
    metrics = evaluate(run, explanations=folder, allow_partial=True)["test"]
    assert metrics["gaps"] == ["1 of 2 buckets are finished"] and metrics["allow_partial"] is True


def test_one_split_does_not_overwrite_another_of_the_same_weights(run):
    """And what other weights were measured on does not stay."""
    both = evaluate(run, ["val", "test"])
    assert list(both) == ["val", "test"] and both["val"]["gallery"] == 12
    before = read_metrics(run)
    assert evaluate(run, ["val"])["val"] == both["val"]
    assert read_metrics(run) == before and set(before["splits"]) == {"val", "test"}
    assert {path.name for path in run.glob("*_embeddings.safetensors")} == {
        "val_embeddings.safetensors",
        "test_embeddings.safetensors",
    }
    (run / "metrics.json").write_text(json.dumps(before | {"towers_sha256": "of other weights"}))
    evaluate(run, ["val"])
    assert set(read_metrics(run)["splits"]) == {"val"}
    (run / "metrics.json").write_text(json.dumps(before["splits"]["test"]))
    with pytest.raises(ModelError, match="written by an older version"):
        read_metrics(run)


def test_the_whole_model_comes_back(run, settings):
    model, _ = load_entityclip(run)
    assert model.method == settings.method
    towers = load_trained_towers(run).clip.state_dict()
    whole = load_file(run / "checkpoint" / "model.safetensors")
    assert {"clip." + name for name in towers} == {name for name in whole if name.startswith("clip.")}
    assert all(torch.equal(tensor, whole["clip." + name]) for name, tensor in towers.items())


def test_what_is_missing_or_damaged_is_named(run, tmp_path):
    with pytest.raises(ModelError, match="no checkpoint at"):
        evaluate(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match=r"no shards of split 'dev' .splits found: test, train, val"):
        evaluate(run, ["dev"])
    towers = run / "checkpoint" / "towers.safetensors"
    towers.write_bytes(towers.read_bytes()[:100])
    with pytest.raises(ModelError, match=r"towers\.safetensors cannot be read"):
        evaluate(run)


def _named(folder, root, split, names):
    """A one-bucket dataset whose captions hold names, for counting."""
    rows = [
        row(number, split) | {"caption": f"Mayor {name} speaks", "explanation": f"{name} is a mayor."}
        for number, name in enumerate(names)
    ]
    write_shard(folder, split, rows, root, 0, 1)


def test_rarity_is_counted_in_the_split_that_the_run_was_trained_on(settings, dataset, tmp_path, capfd):
    own, other = tmp_path / "own", tmp_path / "other"
    seen, unseen = "Alda Brunner", "Carlo Dorn"
    for folder, of_train in ((own, [seen] * 8), (other, [unseen] * 8)):
        _named(folder, dataset[1], "train", of_train)
        _named(folder, dataset[1], "test", [seen, unseen])
        write_receipts(folder, 1)
    data = {"explanations": own, "splits": SplitSettings(val=None)}
    changed = settings.model_copy(update={"data": settings.data.model_copy(update=data)})
    train(changed, tmp_path / "run")
    wanted = evaluate(tmp_path / "run")["test"]["by_entity_frequency"]
    assert {name: part["queries"] for name, part in wanted.items()} == {"unseen": 1, "5-19": 1}
    found = evaluate(tmp_path / "run", explanations=other)["test"]["by_entity_frequency"]
    assert {name: part["queries"] for name, part in found.items()} == {"unseen": 1, "5-19": 1}

    moved = own.rename(tmp_path / "moved")
    found = evaluate(tmp_path / "run", explanations=moved)["test"]["by_entity_frequency"]
    assert {name: part["queries"] for name, part in found.items()} == {"unseen": 1, "5-19": 1}
    capfd.readouterr()
    assert "by_entity_frequency" not in evaluate(tmp_path / "run", explanations=other)["test"]
    said = capfd.readouterr().err
    assert "skipping metrics by entity frequency" in said
    assert f"{other} has other shards of split train than the run was trained on" in said
