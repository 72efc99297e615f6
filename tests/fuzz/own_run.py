"""Cases of damaged files of a training run and of an index, with every reader of them."""

import contextlib
import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from flows.display.training_run import show_run
from model.checkpoints.checkpoint import checkpoint_problem, load_clip
from model.errors import ModelError
from model.evaluation.compare import load_embeddings
from model.evaluation.evaluate import evaluate, evaluation_plan, read_metrics
from model.evaluation.saved_ranks import load_ranks
from model.report import evaluation
from model.report.charts import Chart, Draw, chart
from model.report.evaluation import describe_evaluation
from model.report.sources import Sources
from model.report.training import Arm, _history
from model.run_files import INDEX, has_finished, read_checkpoint_card
from model.runs import overview
from model.search.gallery import open_gallery, splits_embedded
from model.search.index import build_index, load_model_of, open_index
from model.search.search import search
from model.settings.load import load_run_settings
from model.settings.schema import TrainSettings
from model.tracking.run_log import RunLog, read_log
from model.tracking.trackers import Trackers, read_tracked
from model.training.divergence import DivergenceGuard
from model.training.loop import train
from model.training.resume import check_resumable
from model.training.run_dir import can_go_on, clear_stale_files, is_finished, is_measured, lock_run_dir
from model.training.sound_state import find_state
from tests.fuzz.damage import Original, damage
from tests.fuzz.limits import Case
from tests.model.shard_writer import write_dataset
from tests.model.tiny_clip import make_tiny_clip
from tests.support.curves import undrawn

_READ = ("*.json", "*.jsonl", "*.yaml", "*.parquet", "*.safetensors", "checkpoint/*.json", "state/*/*", "checkpoint/*")
STEPS = 4


class Run:
    """A finished and evaluated run with its states, the same run before its end, and an index."""

    def __init__(self, root: Path) -> None:
        explanations, _ = write_dataset(root, {"train": 12, "val": 6, "test": 6})
        clip = make_tiny_clip(root / "clip")
        self.settings = TrainSettings.model_validate(
            {
                "towers": {"model": f"local-dir:{clip}"},
                "method": {"image_experts": 1, "shared_experts": 1, "text_experts": 1},
                "data": {"explanations": explanations, "workers": 0},
                "optim": {"steps": STEPS, "batch_size": 4},
                "evaluation": {"every": 2, "batch_size": 6},
                "checkpoint": {"every": 2, "keep": 2},
                "threads": 1,
                "device": "cpu",
            }
        )
        self.folder, index = root / "run", root / "index"
        with undrawn(), contextlib.redirect_stderr(io.StringIO()):
            train(self.settings, self.folder)
            evaluate(self.folder)
            build_index(self.folder, index)
        self.run, self.index = Original(self.folder), Original(index)
        self._charts: dict[str, Chart] = {}
        self.digests = {"towers_sha256": read_checkpoint_card(self.folder)["sha256"]["towers.safetensors"]}
        self.ids = json.loads((self.folder / "test_ids.json").read_text())

    def kinds(self) -> dict[str, Case]:
        """Return a case for each reader, by name; the cheap ones come more often."""
        return {
            "inspect": self._shown,
            "resume": self._resumed,
            "report": self._reported,
            "inspect again": self._shown,
            "search": self._searched,
            "evaluate": self._evaluated,
            "finished or not": self._asked,
            "resume again": self._resumed,
        }

    def _spoil(self, original: Original, rng: random.Random, patterns: tuple[str, ...] = _READ) -> None:
        original.put_back()
        own = [path for pattern in patterns for path in sorted(original.folder.glob(pattern)) if path.is_file()]
        for path in sorted({rng.choice(own) for _ in range(rng.choice((1, 1, 2)))}):
            damage(path, rng)

    def _shown(self, rng: random.Random) -> str:
        self._spoil(self.run, rng, ("*.json", "*.jsonl", "*.yaml", "checkpoint/*.json"))
        found = overview(self.folder)
        json.dumps(found.as_plain(), allow_nan=False)
        show_run(Console(file=io.StringIO()), found)
        return "damaged" if found.damaged else "shown"

    def _reported(self, rng: random.Random) -> str:
        self._spoil(self.run, rng, ("*.json", "*.jsonl", "*.yaml", "*.parquet", "*.safetensors", "checkpoint/*.json"))
        found = overview(self.folder)
        sources = Sources({"run": found}, None)
        sources.image_root  # noqa: B018
        history, problems = _history(found)
        Arm(found, history, problems).gaps  # noqa: B018
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(evaluation, "chart", self._chart)
            describe_evaluation(sources)
        with contextlib.suppress(ModelError):
            load_embeddings(self.folder, "test")
        load_ranks(self.folder, "test", self.ids, self.digests)
        return "problems" if problems else "reported"

    def _chart(self, draw: Draw, *shown: Any) -> Chart:
        """Draw a chart unless one of the same values is there: drawing would take a third of the time of all cases."""
        key = repr(shown)
        if key not in self._charts:
            self._charts[key] = chart(draw, *shown)
        return self._charts[key]

    def _resumed(self, rng: random.Random) -> str:
        """What a run does before its first step; an unfinished run may be resumed, and keeps the sound lines."""
        self._spoil(
            self.run,
            rng,
            ("train.json", "metrics.jsonl", "settings.yaml", "trackers.json", "state/*/*", "checkpoint/*.json"),
        )
        (self.folder / "train.json").unlink() if (self.folder / "train.json").is_file() else None
        with lock_run_dir(self.folder):
            found = find_state(self.folder)
            assert found.state is not None
            check_resumable(self.folder, found.state.origin, found.state.origin, self.settings)
            found.set_passed_aside(self.folder)
            clear_stale_files(self.folder, anew=False, keep=2)
            sound = list(read_log(self.folder, lambda line: None)) if (self.folder / "metrics.jsonl").is_file() else []
            step = found.state.position.step
            with RunLog(self.folder, Trackers([], print), resumed_from=step):
                pass
            kept = list(read_log(self.folder))
            assert kept == [line for line in sound if line["step"] <= step], "sound lines of the log are lost"
            DivergenceGuard(self.folder, self.settings.divergence, kept)
            read_tracked(self.folder)
        return f"resumed from {step}"

    def _asked(self, rng: random.Random) -> str:
        self._spoil(self.run, rng, ("*.json", "*.yaml", "state/*/*.json*", "checkpoint/*"))
        checkpoint_problem(self.folder)
        answers = [ask(self.folder, self.settings) for ask in (is_finished, can_go_on, is_measured)]
        return " ".join(str(answer) for answer in (has_finished(self.folder), *answers))

    def _evaluated(self, rng: random.Random) -> str:
        self._spoil(self.run, rng, ("metrics.json", "settings.yaml", "checkpoint/*"))
        card = read_checkpoint_card(self.folder)
        load_run_settings(self.folder / "settings.yaml")
        evaluation_plan(self.folder, None)
        read_metrics(self.folder)
        if rng.random() < 0.1:
            load_clip(self.folder)
        return f"of step {card['step']}"

    def _searched(self, rng: random.Random) -> str:
        if rng.random() < 0.4:
            self._spoil(self.run, rng, ("test_*", "checkpoint/*.json"))
            splits_embedded(self.folder)
            return f"{len(open_gallery(self.folder, 'test').ids)} of a run"
        self._spoil(self.index, rng, ("*",))
        if not (self.index.folder / INDEX).is_file():
            raise ModelError("no index, which the command says before it opens anything")
        index = open_index(self.index.folder)
        splits_embedded(self.index.folder)
        for hits in search(index, torch.ones(1, int(index.about["width"]) % 4096), 3):
            json.dumps([hit.id for hit in hits])
        if rng.random() < 0.05:
            load_model_of(index, self.folder)
        return "found"
