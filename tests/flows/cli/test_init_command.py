"""From files of one's own to a search result, with the two files that `entityclip init` writes and no edit of them."""

import csv
import io
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from PIL import Image

from flows.cli.main import main
from flows.display.next_steps import command_line
from flows.init_models import choose_llm, choose_towers
from model.errors import ModelError
from pipeline.errors import PipelineError
from tests.pipeline.readers.test_webdataset import tar
from tests.support.own_data import HF_IMAGE, put, put_parquet
from tests.support.prefect_lab import ROOT

MODELS = ROOT / "data_manifests" / "heraldry"
GIVEN = ("--llm", MODELS / "llama", "--clip", f"local-dir:{MODELS / 'clip'}")
CAPTIONS = [f"the banner of house {('orm', 'ulf')[number % 2]} at fair {number}" for number in range(40)]
Run = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.usefixtures("undrawn_curves")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process, in the folder with the data: exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run_(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["entityclip", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        return code, *capsys.readouterr()

    return run_


def _picture(number: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (48, 48), (250 * (number % 2), 6 * number, 99)).save(stream, "PNG")
    return stream.getvalue()


def _images(folder: Path) -> None:
    for number in range(len(CAPTIONS)):
        put(folder / f"{number}.png", _picture(number))


def _csv(path: Path, separator: str = ",", header: tuple[str, ...] = ("image", "caption")) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerows([header] if header else [])
        writer.writerows((f"{number}.png", caption) for number, caption in enumerate(CAPTIONS))
    _images(path.parent / "images")


def _plain(folder: Path) -> str:
    _csv(folder / "fairs.csv")
    return "fairs.csv"


def _no_header(folder: Path) -> str:
    _csv(folder / "fairs.csv", ";", ())
    return "fairs.csv"


def _tsv(folder: Path) -> str:
    _csv(folder / "fairs.tsv", "\t", ("Bild", "Beschreibung"))
    return "fairs.tsv"


def _jsonl(folder: Path) -> str:
    rows = [{"id": n, "image": f"pictures/{n}.png", "caption": caption} for n, caption in enumerate(CAPTIONS)]
    put(folder / "fairs.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    _images(folder / "pictures")
    return "fairs.jsonl"


def _parquet(folder: Path) -> str:
    images = [{"bytes": _picture(number), "path": None} for number in range(len(CAPTIONS))]
    put_parquet(folder / "fairs" / "train-0.parquet", {"image": images, "text": CAPTIONS}, {"image": HF_IMAGE})
    return "fairs/*.parquet"


def _folder(folder: Path) -> str:
    _images(folder / "fairs")
    for number, caption in enumerate(CAPTIONS):
        put(folder / "fairs" / f"{number}.txt", caption)
    return "fairs"


def _webdataset(folder: Path) -> str:
    for part in (0, 1):
        numbers = range(part * 20, part * 20 + 20)
        members = {f"{n}.{name}": body for n in numbers for name, body in _members(n)}
        put(folder / f"fairs-{part:03}.tar", tar(members))
    return "fairs-{000..001}.tar"


def _members(number: int) -> tuple[tuple[str, bytes], ...]:
    return ("png", _picture(number)), ("json", json.dumps({"caption": CAPTIONS[number]}).encode())


def _hugging_face(folder: Path) -> str:
    datasets = pytest.importorskip("datasets")
    rows = datasets.Dataset.from_dict({"image": [_picture(n) for n in range(len(CAPTIONS))], "text": CAPTIONS})
    datasets.DatasetDict({"train": rows.cast_column("image", datasets.Image())}).save_to_disk(str(folder / "fairs"))
    return "fairs"


KINDS = (_plain, _no_header, _tsv, _jsonl, _parquet, _folder, _webdataset, _hugging_face)


@pytest.mark.slow
@pytest.mark.parametrize("make", KINDS)
def test_from_the_data_to_a_search_result(make: Callable[[Path], str], tmp_path: Path, run: Run) -> None:
    data = make(tmp_path)
    code, out, err = run("init", data, "--out", "mine", *GIVEN)
    assert code == 0, err
    manifest, settings, trained = Path("mine/manifest.yaml"), Path("mine/train.yaml"), Path("mine/run")
    commands = [("check", manifest), ("generate", manifest), ("train", settings, "--out", trained)]
    first, *others = (command_line(*words) for words in commands)
    assert out.splitlines()[-3:] == [f"next: {first}", *(f"then: {command}" for command in others)]
    assert "held_out: 10" in manifest.read_text()
    for words in (*commands, ("index", trained, "index"), ("search", "index", CAPTIONS[0], "--top", 2)):
        code, out, err = run(*words)
        assert code == 0, err
        if words[0] == "check":
            assert "no problems" in out, out
        if words[0] == "generate":
            assert out.splitlines()[-1].endswith(f"train {settings} --out {trained}")
    assert "the banner of house" in out

    code, out, err = run("init", data, "--out", "mine", *GIVEN)
    assert code == 2 and f"{manifest} and {settings} already exist" in err


def test_the_folder_moves_with_the_data_and_a_file_that_is_there_is_kept(tmp_path: Path, run: Run) -> None:
    (tmp_path / "a").mkdir()
    _plain(tmp_path / "a")
    shutil.copytree(MODELS / "llama", tmp_path / "a" / "llama")
    code, _, err = run("init", "a/fairs.csv", "--out", "a/fairs", "--llm", "a/llama", *GIVEN[2:])
    assert code == 0, err
    (tmp_path / "a").rename(tmp_path / "b")
    code, out, _ = run("check", "b/fairs/manifest.yaml", "--probe", 0)
    assert code == 0 and "no problems" in out
    (tmp_path / "b" / "fairs" / "train.yaml").unlink()
    code, _, err = run("init", "b/fairs.csv", "--out", "b/fairs", *GIVEN)
    assert code == 2 and "b/fairs/manifest.yaml already exists; remove the old files" in err
    assert not (tmp_path / "b" / "fairs" / "train.yaml").exists()


def test_without_models_the_usual_ones_are_named(tmp_path: Path, run: Run) -> None:
    code, out, err = run("init", _jsonl(tmp_path))
    assert code == 0, err
    generation = yaml.safe_load((tmp_path / "fairs" / "manifest.yaml").read_text())["generation"]
    shipped = yaml.safe_load((ROOT / "data_manifests" / "n24news.yaml").read_text())["generation"]
    assert {key: generation[key] for key in ("model", "revision", "prompt", "max_model_len", "engine")} == {
        key: shipped[key] for key in ("model", "revision", "prompt", "max_model_len", "engine")
    }
    preset = yaml.safe_load((ROOT / "model" / "settings" / "presets" / "default.yaml").read_text())
    assert yaml.safe_load((tmp_path / "fairs" / "train.yaml").read_text())["towers"] == preset["towers"]
    assert "from the Hugging Face hub" in out and "which open_clip downloads" in out


def test_data_that_cannot_be_used_leaves_nothing(tmp_path: Path, run: Run) -> None:
    put(tmp_path / "fairs.csv", "image,caption\nlost.png,Ann at Ascot\n")
    code, out, err = run("init", "fairs.csv", *GIVEN)
    assert code == 2 and "are not files in" in err and out == "looking at fairs.csv\n"
    assert [path.name for path in tmp_path.iterdir()] == ["fairs.csv"]


def test_names_of_models(tmp_path: Path) -> None:
    assert (choose_llm("a/b@v1").name, choose_llm("a/b@v1").revision) == ("a/b", "v1")
    for given, words in {
        "a/b": "--llm a/b@COMMIT",
        "no/such/folder": "neither a folder",
        str(tmp_path): "no config",
    }.items():
        with pytest.raises(PipelineError, match=words):
            choose_llm(given)
    towers = choose_towers("ViT-B-32/openai")
    assert (towers.model, towers.pretrained) == ("ViT-B-32-quickgelu", "openai")
    for given, words in {
        "ViT-B-32": "ViT-B-32/openai",
        "ViT-B-23/openai": "similar names",
        "local-dir:x": "neither an open_clip model",
    }.items():
        with pytest.raises(ModelError, match=words):
            choose_towers(given)
