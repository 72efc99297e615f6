"""What a run and its resume leave with W&B, offline, and with MLflow in a SQLite file, read back by their readers."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from model.errors import ModelError
from model.tracking.open import check_trackers
from model.tracking.run_log import read_log
from model.tracking.trackers import as_scalars

RUN = """
import sys
from pathlib import Path
from model.tracking.run_log import RunLog
from model.settings.load import load_run_settings
from model.tracking.open import open_trackers
run, first, last, resumed_from = Path(sys.argv[1]), *map(int, sys.argv[2:])
resumed_from = None if resumed_from < 0 else resumed_from
trackers = open_trackers(run, load_run_settings(run / "settings.yaml"), print, steps=9, resumed_from=resumed_from)
with RunLog(run, trackers, resumed_from=resumed_from) as log:
    for step in range(first, last + 1):
        log.step(step, {"total": 1 / step}, {"image_gate/image_1": 0.5}, {"towers": 1e-3}, 0.0)
        if step % 3 == 0:
            log.validation(step, {"mean_recall": 10.0 * step, "text_to_image": {"R@1": 1.5}}, 0.0)
    if last == 6:
        raise SystemExit("as if the machine had failed")
"""


@pytest.fixture
def run(settings, tmp_path, monkeypatch) -> Path:
    """A run of 9 steps that fails after the sixth and is resumed from the third."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    return tmp_path / "run"


def write_run(run: Path, settings, tracker: str) -> dict[str, dict[int, float]]:
    """Write the run in processes of its own; what its log has, by name and step."""
    run.mkdir()
    plain = settings.model_copy(update={"log": settings.log.model_copy(update={"trackers": (tracker,)})}).as_plain()
    (run / "settings.yaml").write_text(json.dumps(plain))  # JSON is YAML
    for steps in (["1", "6", "-1"], ["4", "9", "3"]):
        done = subprocess.run([sys.executable, "-c", RUN, str(run), *steps], capture_output=True, text=True)
        assert done.returncode == (1 if steps[1] == "6" else 0), done.stderr
        assert done.stdout == ""  # nothing was said, so nothing failed
    expected: dict[str, dict[int, float]] = {}
    for line in read_log(run):
        for name, value in as_scalars(line):
            expected.setdefault(name, {})[line["step"]] = value
    assert len(expected["loss/total"]) == 9 and expected["validation/text_to_image/R@1"] == {3: 1.5, 6: 1.5, 9: 1.5}
    return expected


def wandb_records(path: Path) -> list:
    """The records of W&B's transaction log: LevelDB's log format after a header of 7 bytes, one block here."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, records = path.read_bytes(), 7, []
    assert data[:4] == b":W&B" and len(data) < 2**15
    while at < len(data):
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        assert kind == 1  # a whole record
        record = Record()
        record.ParseFromString(data[at + 7 : at + 7 + length])
        records.append(record)
        at += 7 + length
    return records


@pytest.mark.slow
def test_weights_and_biases_offline(run, settings):
    pytest.importorskip("wandb")
    expected = write_run(run, settings, "wandb")
    logs = sorted((run / "wandb").glob("offline-run-*/run-*.wandb"))
    ids, ends, found = set(), [], {name: {} for name in expected}
    for log in logs:
        for record in wandb_records(log):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                ids.add(record.run.run_id)
                assert record.run.project == "entityclip" and record.run.display_name == "run"
                config = {item.key: item.value_json for item in record.run.config.update}
                assert json.loads(config["optim"])["steps"] == 6
            elif kind == "exit":
                ends.append(record.exit.exit_code)
            elif kind == "history":
                values = {(item.key or item.nested_key[0]): json.loads(item.value_json) for item in record.history.item}
                for name in values.keys() & found.keys():
                    found[name][values["step"]] = values[name]
    assert len(logs) == 2 and ends == [1, 0] and ids == {json.loads((run / "trackers.json").read_text())["wandb"]}
    assert found == expected


@pytest.mark.slow
def test_mlflow_in_a_file(run, settings):
    pytest.importorskip("mlflow")
    expected = write_run(run, settings, "mlflow")
    from mlflow.tracking import MlflowClient

    client = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    there = client.get_run(json.loads((run / "trackers.json").read_text())["mlflow"])
    assert there.info.status == "FINISHED" and there.info.run_name == "run"
    assert client.get_experiment(there.info.experiment_id).name == "entityclip"
    assert there.data.params["optim.steps"] == "6" and there.data.params["method.mmae"] == "True"
    found = {name: client.get_metric_history(there.info.run_id, name.replace("@", "_at_")) for name in expected}
    assert {name: {one.step: one.value for one in points} for name, points in found.items()} == expected


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.slow
def test_a_server_that_is_not_there_is_said_without_the_password(run, settings):
    """At the start of a new run it is an error; a run that is resumed goes on."""
    pytest.importorskip("mlflow")
    run.mkdir()
    plain = settings.model_copy(update={"log": settings.log.model_copy(update={"trackers": ("mlflow",)})}).as_plain()
    (run / "settings.yaml").write_text(json.dumps(plain))
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": f"http://somebody:hunter22@127.0.0.1:{free_port()}",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    }
    for steps, code in ((["1", "3", "-1"], 1), (["4", "9", "3"], 0)):
        command = [sys.executable, "-c", RUN, str(run), *steps]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == code
        said = done.stdout if code == 0 else done.stderr.splitlines()[-1]
        assert (
            "does not receive the metrics of this resumed run"
            if code == 0
            else "model.errors.ModelError: mlflow cannot"
        ) in said
        assert "hunter22" not in said and "127.0.0.1" in said
    assert [line["step"] for line in read_log(run) if line["kind"] == "step"] == [4, 5, 6, 7, 8, 9]


def test_a_tracker_that_is_not_installed_is_named_at_the_start(settings, monkeypatch):
    log = settings.log.model_copy(update={"trackers": ("wandb",)})
    monkeypatch.setattr("model.tracking.open.find_spec", lambda name: None)
    with pytest.raises(ModelError, match="wandb is not installed; run pip install wandb"):
        check_trackers(log)
