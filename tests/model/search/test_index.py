import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from model.checkpoints.checkpoint import load_clip, model_digest
from model.errors import ModelError
from model.evaluation.evaluate import evaluate
from model.exporting.export import export
from model.run_files import INDEX
from model.search.index import EMBEDDINGS, build_index, load_model_of, open_index
from model.settings.schema import TrainSettings
from model.training.loop import train
from tests.model.shard_writer import picture, row, write_receipts, write_shard

pytestmark = pytest.mark.usefixtures("undrawn_curves")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 pairs of 5 images, one of which cannot be used, and 4 pairs with bytes in the shard."""
    root: Path = tmp_path_factory.mktemp("index")
    for split in ("train", "test"):
        (root / "images" / split).mkdir(parents=True)
    for number in range(20):
        picture(number).save(root / "images" / "train" / f"{number}.png")
        picture(number).save(root / "images" / "test" / f"{number}.png")
    test = [row(n, "test", image={"bytes": None, "path": f"test/{n % 5}.png"}) for n in range(12)]
    test += [
        row(n, "test", image={"bytes": (root / "images" / "test" / f"{n}.png").read_bytes(), "path": None})
        for n in range(12, 16)
    ]
    broken = root / "images" / "test" / "4.png"
    broken.write_bytes(b"no image")
    for one in test:
        one["status"] = "bad_image" if one["image"]["path"] == "test/4.png" else "ok"
    write_shard(root / "explanations", "train", [row(n, "train") for n in range(20)], root / "images")
    write_shard(root / "explanations", "test", test, root / "images")
    write_receipts(root / "explanations")
    return root


@pytest.fixture
def run(settings: TrainSettings, data: Path, tmp_path: Path) -> Iterator[Path]:
    of_data = settings.data.model_copy(update={"explanations": data / "explanations"})
    splits = of_data.splits.model_copy(update={"val": None})
    optim = settings.optim.model_copy(update={"steps": 1})
    of_data = of_data.model_copy(update={"splits": splits})
    train(settings.model_copy(update={"data": of_data, "optim": optim}), tmp_path / "run")
    yield tmp_path / "run"


def test_an_image_is_there_once_with_all_its_captions(run: Path, tmp_path: Path) -> None:
    index = build_index(run, tmp_path / "index")
    rows = index.rows.to_pylist()
    assert [one["image_path"] for one in rows] == ["test/0.png", "test/1.png", "test/2.png", "test/3.png", *[None] * 4]
    assert rows[0]["captions"] == ["lord of name0", "lord of name5", "lord of name10"]
    assert rows[4]["id"] == "test-012" and rows[4]["captions"] == ["lord of name12"]
    evaluate(run)
    saved = load_file(run / "test_embeddings.safetensors")["image"]
    ids = json.loads((run / "test_ids.json").read_text())
    image = load_file(tmp_path / "index" / EMBEDDINGS)["image"]
    expected = saved[[ids.index(one["id"]) for one in rows]]
    torch.testing.assert_close(image, expected, rtol=0, atol=1e-6)


def test_what_evaluate_saved_is_taken_if_weights_and_shards_are_the_same(
    run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = load_file(build_index(run, tmp_path / "new").folder / EMBEDDINGS)["image"]
    said = "reusing the embeddings saved by entityclip evaluate"
    assert said not in capsys.readouterr().err
    evaluate(run)
    half = build_index(run, tmp_path / "half", precision="fp16")
    assert half.about["precision"] == "fp16"
    found = load_file(half.folder / EMBEDDINGS)["image"]
    assert found.dtype == torch.float16
    torch.testing.assert_close(found.float(), expected, rtol=0, atol=1e-3)

    # the unusable image belongs to no saved row, so the split is encoded again; without it, nothing is
    assert said not in capsys.readouterr().err
    sound = tmp_path / "sound"
    rows = [row(n, "test", image={"bytes": None, "path": f"test/{n % 4}.png"}) for n in range(8)]
    write_shard(sound, "test", rows, data / "images")
    write_receipts(sound)
    evaluate(run, explanations=sound)
    capsys.readouterr()
    taken = load_file(build_index(run, tmp_path / "taken", explanations=sound).folder / EMBEDDINGS)["image"]
    assert said in capsys.readouterr().err
    torch.testing.assert_close(taken, expected[:4], rtol=0, atol=1e-6)
    weights = run / "checkpoint" / "checkpoint.json"
    card = json.loads(weights.read_text())
    card["sha256"]["towers.safetensors"] = "of other weights"
    weights.write_text(json.dumps(card))
    build_index(run, tmp_path / "again", explanations=sound)
    assert said not in capsys.readouterr().err


def test_run_and_export_are_the_same_model_and_another_is_refused(run: Path, data: Path, tmp_path: Path) -> None:
    exported = export(run, tmp_path / "export")
    index = build_index(exported, tmp_path / "index", explanations=data / "explanations", splits=["test", "train"])
    assert len(index) == 8 + 20 and set(index.about["splits"]) == {"test", "train"}
    for same in (run, run / "checkpoint", exported):
        assert model_digest(load_model_of(index, same)) == index.about["model_sha256"]
    other = tmp_path / "other"
    shutil.copytree(run, other)
    towers = load_clip(other)
    state = {name: tensor.clone() for name, tensor in towers.clip.state_dict().items()}
    state["logit_scale"] += 1e-3
    save_file(state, other / "checkpoint" / "towers.safetensors")
    with pytest.raises(ModelError, match="is not the model"):
        load_model_of(index, other)
    with pytest.raises(ModelError, match="no model at"):
        load_model_of(index, tmp_path / "nowhere")
    with pytest.raises(ModelError, match="pass --explanations"):
        build_index(exported, tmp_path / "elsewhere")


def test_an_index_can_be_moved_with_and_without_its_model(run: Path, tmp_path: Path) -> None:
    wanted = build_index(run, run / "index").about["model_sha256"]
    alone = (run / "index").rename(tmp_path / "alone")
    assert model_digest(load_model_of(open_index(alone))) == wanted
    build_index(run, run / "index")
    moved = run.rename(tmp_path / "moved")
    assert model_digest(load_model_of(open_index(moved / "index"))) == wanted
    with pytest.raises(ModelError, match="give its folder with --model"):
        load_model_of(open_index(alone))
    assert model_digest(load_model_of(open_index(alone), moved)) == wanted


def test_what_is_no_index_is_said(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="build one with: entityclip index"):
        open_index(tmp_path / "nowhere")
    with pytest.raises(ModelError, match="is neither empty nor an index"):
        build_index(run, run)
    folder = build_index(run, tmp_path / "index").folder
    about = json.loads((folder / INDEX).read_text())
    (folder / INDEX).write_text(json.dumps(about | {"images": 3}))
    with pytest.raises(ModelError, match=r"has embeddings of shape .* for \d+ rows"):
        open_index(folder)
    (folder / INDEX).write_text(json.dumps(about | {"format_version": 99}))
    with pytest.raises(ModelError, match="format 99"):
        open_index(folder)
    (folder / INDEX).write_text(json.dumps(about))
    (folder / EMBEDDINGS).write_bytes(b"short")
    with pytest.raises(ModelError, match="cannot be read"):
        open_index(folder)
