"""The log of a run: whole lines as they come, and after a resume exactly those of the work that is kept."""

import json
from pathlib import Path

import pytest

from model.errors import ModelError
from model.run_files import METRICS_LOG
from model.tracking.run_log import RunLog, read_log
from model.tracking.trackers import Trackers


def written(run: Path, steps: range, resumed_from: int | None = None) -> list[tuple[str, int]]:
    """Steps, each third followed by a validation, as a training run writes them."""
    run.mkdir(exist_ok=True)
    with RunLog(run, Trackers([], print), resumed_from=resumed_from) as log:
        for step in steps:
            log.step(step, {"total": 1.0 / step}, {}, {"towers": 1e-3}, float(step))
            if step % 3 == 0:
                log.validation(step, {"mean_recall": 50.0}, float(step))
            assert list(read_log(run))[-1]["step"] == step  # on disk before the next step begins
    return [(line["kind"], line["step"]) for line in read_log(run)]


@pytest.mark.parametrize("resumed_from", [0, 3, 4, 7])
def test_a_resumed_log_equals_an_uninterrupted_one(tmp_path: Path, resumed_from: int) -> None:
    """Killed in step 8 in the middle of a line, resumed from an earlier state."""
    expected = written(tmp_path / "whole", range(1, 10))
    written(tmp_path / "killed", range(1, 8))
    with (tmp_path / "killed" / METRICS_LOG).open("a") as file:
        file.write('{"kind": "step", "step": 8, "los')
    assert written(tmp_path / "killed", range(resumed_from + 1, 10), resumed_from) == expected
    whole, killed = ((tmp_path / run / METRICS_LOG).read_bytes() for run in ("whole", "killed"))
    assert killed == whole


def test_a_new_run_keeps_nothing_of_an_old_one(tmp_path: Path) -> None:
    written(tmp_path / "run", range(1, 5))
    assert written(tmp_path / "run", range(1, 3)) == [("step", 1), ("step", 2)]


def test_a_log_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"metrics\.jsonl does not exist"):
        list(read_log(tmp_path))
    (tmp_path / METRICS_LOG).write_text(json.dumps({"kind": "other", "step": 1}) + "\n{\n")
    with pytest.raises(ModelError, match=r"metrics\.jsonl, line 2 is not JSON"):
        list(read_log(tmp_path))
