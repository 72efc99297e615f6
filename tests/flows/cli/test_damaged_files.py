"""Every command that reads a file of a run or an index names the one that is damaged, and says what to do."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from flows.browser.contents import open_contents
from flows.cli.main import main
from model.errors import ModelError
from model.evaluation.evaluate import evaluate
from model.search.gallery import open_gallery, splits_embedded
from model.search.index import build_index
from model.settings.schema import TrainSettings
from model.training.loop import train
from pipeline.errors import PipelineError
from tests.fuzz.damage import DEEP, Original
from tests.model.conftest import clip_folder, dataset  # noqa: F401 - fixtures
from tests.support.curves import undrawn

DAMAGE = {
    "empty": b"",
    "of another type": b"[]",
    "a number": b"-5",
    "not UTF-8": b'{"a": "\xff"}\n',
    "nested": b'{"splits": ' + DEEP + b"\n",
    "without its fields": b"{}\n",
    "a folder": None,
}
# command, arguments: RUN, INDEX, SETTINGS and NEW stand for paths
_INSPECT, _REPORT, _EXPORT = ("inspect RUN", "report RUN --out NEW/report.html", "export RUN NEW/export")
_EVALUATE, _INDEX, _TRAIN = "evaluate RUN", "index RUN NEW/index", "train SETTINGS --out RUN"
_CARD = "checkpoint/checkpoint.json"
READERS: dict[str, tuple[str, ...]] = {
    _CARD: (_INSPECT, _EVALUATE, _EXPORT, _INDEX, _TRAIN, "serve RUN"),
    "metrics.json": (_INSPECT, _EVALUATE, _EXPORT, "serve RUN"),
    "settings.yaml": (_INSPECT, _EVALUATE, _INDEX, "serve RUN"),
    "metrics.jsonl": (_INSPECT, _TRAIN),
    "train.json": (_INSPECT, _TRAIN),
    "test_ids.json": (_INDEX, "serve RUN"),
    "trackers.json": (_INSPECT,),
    "state/step-00000004/state.json": (_INSPECT, _TRAIN),
}
REPORTED = ("metrics.json", "metrics.jsonl", "settings.yaml", "train.json", "test_ids.json", _CARD)


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory,
    clip_folder: Path,  # noqa: F811
    dataset: tuple[Path, Path],  # noqa: F811
) -> Iterator[Path]:
    """A folder with a run, evaluated, an index, and the settings."""
    folder = tmp_path_factory.mktemp("damaged")
    plain = {
        "towers": {"model": f"local-dir:{clip_folder}"},
        "method": {"image_experts": 1, "shared_experts": 1, "text_experts": 1},
        "data": {"explanations": str(dataset[0]), "workers": 0},
        "optim": {"steps": 4, "batch_size": 8},
        "evaluation": {"every": 2, "batch_size": 15},
        "checkpoint": {"every": 2},
        "threads": 1,
        "device": "cpu",
    }
    (folder / "settings.yaml").write_text(yaml.safe_dump(plain))
    with undrawn():
        train(TrainSettings.model_validate(plain), folder / "run")
        evaluate(folder / "run")
        build_index(folder / "run", folder / "index")
        (folder / "run" / "trackers.json").write_text("{}")
        yield folder


@pytest.fixture
def run(made: Path) -> Iterator[Original]:
    """The run as it was made, before and after each test."""
    original = Original(made / "run")
    yield original
    original.put_back()


def _spoil(path: Path, content: bytes | None) -> None:
    path.unlink()
    path.mkdir() if content is None else path.write_bytes(content)


def _run(made: Path, new: Path, line: str, monkeypatch: pytest.MonkeyPatch) -> int:
    places = {"RUN": made / "run", "INDEX": made / "index", "SETTINGS": made / "settings.yaml"}
    words = [str(places.get(word, word)).replace("NEW/", f"{new}/") for word in line.split()]
    new.mkdir(exist_ok=True)
    monkeypatch.setattr(sys, "argv", ["entityclip", *words])
    try:
        if words[0] == "serve":  # what it reads before it listens, and for a query
            contents = open_contents(words[1], {})
            for folder in contents.runs.values():
                splits_embedded(folder)
                open_gallery(folder, "test")
            return 0
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    except (ModelError, PipelineError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


@pytest.mark.slow
@pytest.mark.parametrize("file", READERS)
def test_every_reader_of_a_file_of_a_run(
    file: str,
    made: Path,
    run: Original,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for what, content in DAMAGE.items():
        for line in READERS[file]:
            run.put_back()
            _spoil(made / "run" / file, content)
            if line == _TRAIN and file != "train.json":
                (made / "run" / "train.json").unlink()  # so that it goes on
            code = _run(made, tmp_path / "new", line, monkeypatch)
            said = capsys.readouterr()
            shown = f"{file}, {what}, {line}: {code}\n{said.out[-500:]}\n{said.err[-2000:]}"
            assert code in (0, 1, 2) and "Traceback" not in said.err, shown
            if code and "contains a finished run" not in said.err:
                assert Path(file).name in said.out + said.err, f"the file is not named: {shown}"
            shutil.rmtree(tmp_path / "new", ignore_errors=True)


@pytest.mark.slow
@pytest.mark.parametrize("file", REPORTED)
def test_a_report_of_a_damaged_run_names_the_file(
    file: str,
    made: Path,
    run: Original,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for content in (b'{"a": "\xff"}\n', b"[]\n"):
        run.put_back()
        _spoil(made / "run" / file, content)
        assert _run(made, tmp_path / "new", _REPORT, monkeypatch) in (0, 2), capsys.readouterr()
        page = tmp_path / "new" / "report.html"
        said = capsys.readouterr().err + (page.read_text() if page.exists() else "")
        assert Path(file).name in said and "Traceback" not in said


@pytest.mark.parametrize("file", ["index.json", "rows.parquet", "embeddings.safetensors"])
def test_a_search_in_a_damaged_index_says_to_rebuild_it(
    file: str,
    made: Path,
    run: Original,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    original = Original(made / "index")
    for what, content in DAMAGE.items():
        original.put_back()
        _spoil(made / "index" / file, content)
        assert _run(made, tmp_path, "search INDEX lord", monkeypatch) == 2, what
        assert "rebuild the index" in capsys.readouterr().err, what
    original.put_back()


def test_a_damaged_log_keeps_its_sound_lines_when_a_run_goes_on(
    made: Path, run: Original, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = made / "run" / "metrics.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    damaged = [lines[0], b'{"kind": "step", "step": -5}\n', DEEP + b"\n", b"\xff\n", *lines[2:]]
    log.write_bytes(b"".join(damaged))
    (made / "run" / "train.json").unlink()
    assert _run(made, tmp_path, _TRAIN, monkeypatch) == 0
    assert "metrics.jsonl, line 2" in capsys.readouterr().err
    assert log.read_bytes().splitlines() == [line.strip() for line in (lines[0], *lines[2:])]
    assert (made / "run" / "damaged" / "metrics.jsonl").read_bytes() == b"".join(damaged)
