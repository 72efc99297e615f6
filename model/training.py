"""The training loop: AdamW on the module's total loss, validated by retrieval, the best checkpoint kept.

Deterministic given the settings: new weights, batch order and hard negatives each have their own generator.
"""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from model.batch import Batch
from model.checkpoint import save_checkpoint
from model.controls import with_wrong_explanations
from model.device import choose_device, torch_threads
from model.embedding import embed_split
from model.entityclip import EntityCLIP
from model.epochs import epoch_batches
from model.errors import ModelError
from model.evaluation import METRICS, SETTINGS, retrieval_metrics
from model.files import write_json, written_whole
from model.open_clip_folder import TowersFolder, towers_folder
from model.optimisation import clamp_logit_scale, make_optimizer, set_learning_rate
from model.progress import Progress
from model.run_log import RunLog, describe_origin, describe_run
from model.settings import DataSettings, TrainSettings
from model.shards import SplitRows, read_split
from model.towers import Towers, is_causal, load_towers
from model.trackers import check_trackers, open_trackers
from model.training_step import TrainingStep
from model.triples import TripleSet

RECORD = "train.json"
OnStep = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class TrainResult:
    """What a finished run is; the rest is in `out/train.json`."""

    out: Path
    steps: int
    best_step: int
    best_mean_recall: float | None  # percent on the validation split; None without one
    seconds: float
    samples_per_second: float


def train(settings: TrainSettings, out: Path, on_step: OnStep | None = None, *, overwrite: bool = False) -> TrainResult:
    """Train EntityCLIP (or plain CLIP) and keep the checkpoint with the best validation mean recall.

    Touches no LLM: explanations are read from shards, each checked by its receipt, and said and recorded with the
    checkpoint. Writes `out/settings.yaml`, `out/metrics.jsonl` (one line a step or validation), `out/checkpoint/` and,
    last, `out/train.json`. `on_step(step, losses)` is called after every step, steps counted from 1. The starting
    weights are validated too, as step 0, and kept if training never beats them.

    Raises ModelError: settings that cannot be met, unusable data, a finished run in `out` (unless
    `overwrite`), and a loss that is not finite, naming step and batch ids.
    """
    _refuse_to_lose(out, overwrite)
    check_trackers(settings.log)
    device = choose_device(settings.device)
    devices = [device] if device.type == "cuda" else []
    with torch_threads(settings.threads), torch.random.fork_rng(devices=devices):
        torch.manual_seed(settings.seed)
        rows = _read_rows(settings.data)  # before the towers: what is missing shows at once
        _make_room(out)
        towers = load_towers(settings.towers)
        base = None if settings.towers.folder is None else towers_folder(settings.towers, towers)
        training, validation = _load_data(settings, towers, *rows)
        model = EntityCLIP(towers.clip, settings.method).to(device)
        with written_whole(out / SETTINGS) as temporary:
            temporary.write_text(yaml.safe_dump(settings.as_plain(), sort_keys=False), encoding="utf-8")
        return _Run(settings, out, device, model, base, training, validation, on_step).complete()


class _Run:
    """One training run, read from top to bottom."""

    def __init__(
        self,
        settings: TrainSettings,
        out: Path,
        device: torch.device,
        model: EntityCLIP,
        base: TowersFolder | None,
        training: TripleSet,
        validation: TripleSet | None,
        on_step: OnStep | None,
    ) -> None:
        self.settings, self.out, self.device, self.model, self.base = settings, out, device, model, base
        self.training, self.validation, self.on_step = training, validation, on_step
        self.splits = {"train": training} | ({} if validation is None else {"val": validation})
        self.origin = describe_origin(settings, self.splits)
        self.order = epoch_batches(len(training), settings.optim.batch_size, settings.seed)
        self.optimizer = make_optimizer(model, settings.optim)
        self.training_step = TrainingStep(model, settings.seed, micro_batch_size=settings.optim.micro_batch_size)
        self.best_step = 0
        self.best: dict[str, Any] | None = None
        self.step_seconds = 0.0

    def complete(self) -> TrainResult:
        """All steps, the validations between them, and the record at the end."""
        optim, began = self.settings.optim, time.monotonic()
        progress = Progress(optim.steps, optim.batch_size)
        samples = 0
        with closing(progress), RunLog(self.out, open_trackers(self.out, self.settings, progress.say)) as log:
            for triples in self.splits.values():
                progress.say(triples.source.line())
            self.warn(progress)
            progress.say(self.training.summary())
            if self.settings.data.wrong_explanations:
                progress.say("a control: every row trains with the explanation of another")
            self.validate(0, log, progress)
            for step in range(1, optim.steps + 1):
                step_began = time.monotonic()
                batch = self.next_batch()
                losses, report, rates = self.step(step, batch)
                samples += len(batch.ids)
                self.step_seconds += time.monotonic() - step_began
                log.step(step, losses, report, rates, self.step_seconds)
                progress.step(step, losses)
                if self.on_step is not None:
                    self.on_step(step, losses)
                if step % self.settings.evaluation.every == 0 or step == optim.steps:
                    self.validate(step, log, progress)
            for triple_id, reason in self.training.failures.items():
                progress.say(f"left out {triple_id}: {reason}")
            self.warn(progress)
        result = TrainResult(
            out=self.out,
            steps=optim.steps,
            best_step=self.best_step,
            best_mean_recall=None if self.best is None else self.best["mean_recall"],
            seconds=time.monotonic() - began,
            samples_per_second=samples / self.step_seconds,
        )
        record = {name: value for name, value in asdict(result).items() if name != "out"}
        record["validation"] = self.best
        write_json(self.out / RECORD, {**record, **describe_run(self.origin, self.device, self.model, self.splits)})
        return result

    def warn(self, progress: Progress) -> None:
        """Say what is missing of the explanations, before the steps and again after them."""
        for triples in self.splits.values():
            if warning := triples.source.warning():
                progress.say(warning)

    def next_batch(self) -> Batch:
        """The next rows with usable images; too few for a contrastive loss are passed over."""
        while True:
            batch, rows = self.training.batch(next(self.order))
            if len(rows) >= 2:
                return batch

    def step(self, step: int, batch: Batch) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
        """One optimiser step: loss terms, report and learning rates."""
        rates = set_learning_rate(self.optimizer, step - 1, self.settings.optim)
        values = self.training_step.gradients(step, batch)
        self.optimizer.step()
        clamp_logit_scale(self.model)
        return values.losses, values.report, rates

    def validate(self, step: int, log: RunLog, progress: Progress) -> None:
        """Measure retrieval; save a checkpoint if this is the best so far (without a split: at the last step)."""
        if self.validation is None:
            if step == self.settings.optim.steps:
                self.save(step)
            return
        batch_size = self.settings.evaluation.batch_size
        with progress.aside("validating"):
            embeddings = embed_split(self.model.clip, self.validation, batch_size, self.device)
            metrics = retrieval_metrics(embeddings)
        log.validation(step, metrics, self.step_seconds)
        progress.say(f"step {step}: validation mean recall {metrics['mean_recall']:.2f}")
        if self.best is None or metrics["mean_recall"] > self.best["mean_recall"]:
            self.best = metrics
            with progress.aside("saving"):
                self.save(step)

    def save(self, step: int) -> None:
        """Write the checkpoint of this step."""
        self.best_step = step
        save_checkpoint(
            self.out,
            self.model,
            self.settings.towers,
            step=step,
            validation=self.best,
            trained_with=self.origin,
            base=self.base,
        )


def _refuse_to_lose(out: Path, overwrite: bool) -> None:
    if (out / RECORD).exists() and not overwrite:
        raise ModelError(f"{out} holds a finished run; choose another folder, or remove it")
    if out.exists() and not out.is_dir():
        raise ModelError(f"{out} is not a folder")


def _make_room(out: Path) -> None:
    """What an earlier run says of its weights must not survive beside new ones."""
    for stale in (RECORD, METRICS):
        (out / stale).unlink(missing_ok=True)
    out.mkdir(parents=True, exist_ok=True)


def _read_rows(data: DataSettings) -> tuple[SplitRows, SplitRows | None]:
    """Training and validation rows, both read before either is decoded."""
    how: dict[str, Any] = {"image_root": data.image_root, "allow_partial": data.allow_partial}
    rows = read_split(data.explanations, data.splits.train, statuses=data.statuses, **how)
    if data.splits.val is None:
        return rows, None
    return rows, read_split(data.explanations, data.splits.val, statuses=None, **how)


def _load_data(
    settings: TrainSettings, towers: Towers, rows: SplitRows, val_rows: SplitRows | None
) -> tuple[TripleSet, TripleSet | None]:
    data = settings.data
    if data.wrong_explanations:
        rows = with_wrong_explanations(rows, settings.seed)
    training = TripleSet(
        rows,
        towers,
        explanations=settings.method.reads_explanations,
        cache_mib=data.cache_mib,
        trim=is_causal(towers.clip) and not settings.method.reads_padding,
    )
    if val_rows is None:
        return training, None
    return training, TripleSet(val_rows, towers, explanations=False, cache_mib=data.cache_mib)
