"""The training loop: AdamW on the module's total loss, validated by retrieval, the best checkpoint kept.

Deterministic given the settings: new weights, batch order and hard negatives each have their own generator. A run
that was interrupted goes on from its last saved state, and ends as it would have ended.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml

from model.batch import Batch
from model.compute import prepare
from model.device import choose_device, torch_threads
from model.divergence import DivergenceGuard
from model.embedding import embed_split
from model.entityclip import EntityCLIP
from model.evaluation import SETTINGS, retrieval_metrics
from model.files import write_json, written_whole
from model.keeping import Keeper
from model.one_process import OneProcess
from model.open_clip_folder import towers_folder
from model.optimisation import clamp_logit_scale, clip_gradients, gradient_norm, make_optimizer, set_learning_rate
from model.precision import forward_context
from model.progress import Progress
from model.random_state import own_random_numbers
from model.resume import check_resumable
from model.run_folder import RECORD, make_room, only_trainer, refuse_to_lose
from model.run_log import RunLog, describe_origin, describe_run, read_log
from model.settings import TrainSettings
from model.silence import Silence
from model.stop_signal import Stopped, StopSignal
from model.towers import load_towers
from model.tracker_opening import check_trackers, open_trackers
from model.train_state import Position, TrainState, newest_state
from model.training_data import load_splits, read_rows
from model.training_step import TrainingStep
from model.triples import TripleSet

_CPU = torch.device("cpu")
OnStep = Callable[[int, int, dict[str, float]], None]  # step, of how many, losses


@dataclass(frozen=True)
class TrainResult:
    """What a finished run is; the rest is in `out/train.json`."""

    out: Path
    steps: int
    best_step: int
    best_mean_recall: float | None  # percent on the validation split; None without one
    seconds: float
    samples_per_second: float


def train(
    settings: TrainSettings,
    out: Path,
    on_step: OnStep | None = None,
    *,
    overwrite: bool = False,
    processes: OneProcess | None = None,
) -> TrainResult:
    """Train EntityCLIP (or plain CLIP) and keep the checkpoint with the best validation mean recall.

    Touches no LLM: explanations are read from shards, each checked by its receipt, and said and recorded with the
    checkpoint. Writes `out/settings.yaml`, `out/metrics.jsonl` (one line a step or validation), `out/checkpoint/`,
    `out/state/` and, last, `out/train.json`. `on_step(step, steps, losses)` is called after every step,
    counted from 1. The starting weights are validated too, as step 0, and kept if training never beats them.

    An unfinished run in `out` goes on from its last saved state, unless `overwrite`, and ends with the weights and
    the log of a run that was never interrupted (to the bit on the same kind of CPU and threads).

    Of several `processes`, each calls this with the same settings and trains on its part of every batch; the first
    alone writes and says anything (`model.launch` starts them).

    Raises ModelError: settings that cannot be met, unusable data, a finished run in `out` (unless
    `overwrite`), an unfinished one of other settings or data, and, as DivergenceError, a loss or gradient that is not
    finite or far above what it was (`model.divergence`). Raises Stopped after SIGTERM, the state saved; after SIGINT
    whatever the handler before us raises.
    """
    processes = processes or OneProcess()
    processes.check(settings.optim.batch_size)
    refuse_to_lose(out, overwrite)
    check_trackers(settings.log)
    device = processes.device or choose_device(settings.device)
    with torch_threads(settings.threads), own_random_numbers(settings.seed, device), ExitStack() as held:
        rows = read_rows(settings.data)  # before the towers: what is missing shows at once
        if processes.is_first:
            held.enter_context(only_trainer(out))
        processes.wait()  # by now, what a killed run left half done is cleared away
        origin = describe_origin(settings, *rows)
        state = None if overwrite else newest_state(out)
        remarks = [] if state is None else check_resumable(out, state.origin, origin, settings)
        if state is None and processes.is_first:
            make_room(out)
        towers = load_towers(settings.towers, load_weights=state is None)
        base = None if settings.towers.folder is None else towers_folder(settings.towers, towers)
        splits = load_splits(settings, towers, *rows)
        model = EntityCLIP(towers.clip, settings.method).to(device)
        prepare(model, settings)
        if processes.is_first:
            with written_whole(out / SETTINGS) as temporary:
                temporary.write_text(yaml.safe_dump(settings.as_plain(), sort_keys=False), encoding="utf-8")
        keeper = Keeper(out, settings, origin, model, make_optimizer(model, settings.optim), splits, base)
        return _Run(settings, device, splits, keeper, on_step, processes).complete(state, remarks)


class _Run:
    """One training run, read from top to bottom."""

    def __init__(
        self,
        settings: TrainSettings,
        device: torch.device,
        splits: dict[str, TripleSet],
        keeper: Keeper,
        on_step: OnStep | None,
        processes: OneProcess,
    ) -> None:
        self.settings, self.device, self.splits, self.keeper, self.on_step = settings, device, splits, keeper, on_step
        self.processes = processes
        self.model, self.optimizer = keeper.model, keeper.optimizer
        self.training, self.validation = splits["train"], splits.get("val")
        self.order = self.training.order(settings.optim.batch_size, settings.seed)
        self.steps = settings.optim.total_steps(len(self.training))
        self.training_step = TrainingStep(
            self.model,
            settings.seed,
            forward_context(settings.precision, device),
            micro_batch_size=settings.optim.micro_batch_size,
            processes=processes,
        )
        self.at = Position()

    def complete(self, state: TrainState | None, remarks: list[str]) -> TrainResult:
        """All steps that are left, the validations between them, and the record at the end."""
        optim, began = self.settings.optim, time.monotonic()
        if state is not None:
            self.at = self.keeper.restore(state, self.device)
        own_rows = map(self.processes.slice_of, self.order.starting_at(self.at.batches))
        # in pieces, only a piece at a time has to be on the device
        self.batches = self.training.batches(own_rows, self.device if optim.micro_batch_size is None else _CPU)
        earlier_seconds = self.at.seconds
        stop = StopSignal()
        resumed_from = None if state is None else self.at.step
        progress: Progress | Silence = Silence()
        log: RunLog | Silence = Silence()
        if self.processes.is_first:
            progress = Progress(self.steps, optim.batch_size, self.at.step)
            trackers = open_trackers(
                self.keeper.run, self.settings, progress.say, steps=self.steps, resumed_from=resumed_from
            )
            log = RunLog(
                self.keeper.run,
                trackers,
                steps=self.steps,
                resumed_from=resumed_from,
                validated=self.at.validated,
            )
        with closing(progress), log, stop:
            self.processes.wait()  # the log is as it was at the step that this goes on from
            self.guard = DivergenceGuard(self.keeper.run, self.settings.divergence, read_log(self.keeper.run))
            self.say_what_is_read(progress)
            if state is not None:
                progress.say(f"resumed from step {self.at.step} of {self.steps}, saved in {state.folder}")
            for remark in remarks:
                progress.say(remark)
            while True:
                if not self.at.validated:
                    self.validate_if_due(log, progress, stop)
                self.at.seconds = earlier_seconds + time.monotonic() - began
                stopping, due = self.agreed(stop)
                if stopping or due:
                    self.share_failures()
                    log.sync()
                    with progress.aside("saving"):
                        if self.processes.is_first:
                            progress.say(self.keeper.save_state(self.at, self.device))
                if stopping or self.at.step == self.steps:
                    break
                self.step(log, progress)
            for line in self.training.failures.lines():
                progress.say(line)
            self.warn(progress)
        if stopping:
            stop.hand_over()
            asked = "asked to stop" if stop.asked is None else stop.asked.name
            raise Stopped(
                f"{asked}: stopped after step {self.at.step} of {self.steps}; the state is saved in "
                f"{self.keeper.run}, the same command goes on from there"
            )
        return self.finish()

    def agreed(self, stop: StopSignal) -> tuple[bool, bool]:
        """Whether to stop, which every process may be asked to, and whether to save, which the first one decides."""
        due = self.processes.is_first and self.keeper.state_is_due(self.at, last=self.at.step == self.steps)
        said = self.processes.numbers(stop.asked is not None, due)
        return any(stopping for stopping, _ in said), any(saving for _, saving in said)

    def share_failures(self) -> None:
        """Every process knows of all images that cannot be used."""
        for found in self.processes.together({use: dict(triples.failures) for use, triples in self.splits.items()}):
            for use, failures in found.items():
                self.splits[use].failures.update(failures)

    def step(self, log: RunLog | Silence, progress: Progress | Silence) -> None:
        """One optimiser step."""
        began = time.monotonic()
        step = self.at.step + 1
        batch, size = self.next_batch()
        rates = set_learning_rate(self.optimizer, step - 1, self.steps, self.settings.optim)
        values = self.training_step.gradients(step, batch)
        norm = gradient_norm(self.model)
        writes = self.processes.is_first
        ids = partial(self.training_step.ids, batch)
        self.guard.check(step, values.losses, norm, rates=rates, ids=ids, writes=writes)
        clip_gradients(self.model, self.settings.optim.clip_norm, norm)
        self.optimizer.step()
        clamp_logit_scale(self.model)
        self.at.step, self.at.validated = step, False
        self.at.samples += size
        self.at.step_seconds += time.monotonic() - began
        log.step(step, values.losses, values.report | {"grad_norm": norm}, rates, self.at.step_seconds)
        progress.step(step, values.losses)
        if self.on_step is not None:
            self.on_step(step, self.steps, values.losses)

    def next_batch(self) -> tuple[Batch, int]:
        """This process's rows of the next batch and how many the batch has, too few for a contrastive loss passed over.

        Rows without a usable image are none of it.
        """
        while True:
            self.at.batches += 1
            batch, rows = next(self.batches)
            size = sum(count for (count,) in self.processes.numbers(len(rows)))
            if size >= 2:
                return batch, size

    def validate_if_due(self, log: RunLog | Silence, progress: Progress | Silence, stop: StopSignal) -> None:
        """Measure retrieval; save a checkpoint if this is the best so far (without a split: at the last step)."""
        step, last = self.at.step, self.at.step == self.steps
        if self.validation is None:
            if last and self.processes.is_first:
                self.keeper.save_checkpoint(self.at)
        elif last or step % self.settings.evaluation.every == 0:
            with progress.aside("validating"):
                # several processes end it together, so none can leave in the middle
                metrics = stop.unless_stopped(self.measure) if self.processes.count == 1 else self.measure()
            if metrics is None:
                return
            if self.processes.is_first:
                self.note(metrics, log, progress)
        self.at.validated = True

    def note(self, metrics: dict[str, Any], log: RunLog | Silence, progress: Progress | Silence) -> None:
        """Write a validation down, and keep the weights if it is the best so far."""
        step = self.at.step
        log.validation(step, metrics, self.at.step_seconds)
        best = self.at.best is None or metrics["mean_recall"] > self.at.best["mean_recall"]
        said = f"step {step}: validation mean recall {metrics['mean_recall']:.2f} %"
        progress.say(f"{said}, the best so far" if best and step else said)
        if best:
            self.at.best = metrics
            with progress.aside("saving"):
                self.keeper.save_checkpoint(self.at)

    def measure(self) -> dict[str, Any]:
        """Retrieval on the validation split, encoded by all processes and ranked by the first; changes nothing."""
        assert self.validation is not None
        rank, world = self.processes.rank, self.processes.count
        size = self.settings.evaluation.batch_size
        embeddings = embed_split(self.model.clip, self.validation, size, self.device, rank=rank, world=world)
        return retrieval_metrics(embeddings) if self.processes.is_first else {}

    def say_what_is_read(self, progress: Progress | Silence) -> None:
        """What is trained on, in a few lines."""
        for triples in self.splits.values():
            progress.say(triples.source.line())
        self.warn(progress)
        progress.say(self.training.summary())
        if self.settings.data.wrong_explanations:
            progress.say("a control: every row trains with the explanation of another")

    def warn(self, progress: Progress | Silence) -> None:
        """Say what is missing of the explanations, before the steps and again after them."""
        for triples in self.splits.values():
            if warning := triples.source.warning():
                progress.say(warning)

    def finish(self) -> TrainResult:
        """The record of a run that has made all its steps; from now on it is finished."""
        result = TrainResult(
            out=self.keeper.run,
            steps=self.at.step,
            best_step=self.at.best_step,
            best_mean_recall=None if self.at.best is None else self.at.best["mean_recall"],
            seconds=self.at.seconds,
            samples_per_second=self.at.samples / self.at.step_seconds,
        )
        record = {name: value for name, value in asdict(result).items() if name != "out"}
        record["validation"] = self.at.best
        record |= describe_run(self.keeper.origin, self.device, self.model, self.splits)
        record["processes"] = self.processes.count
        if self.processes.is_first:
            write_json(self.keeper.run / RECORD, record)
        return result
