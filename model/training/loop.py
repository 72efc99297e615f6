"""Training loop: minimises the total loss, validates by retrieval, and saves the best checkpoint.

Training is deterministic given the settings: every random generator is seeded (`model.rng`). An interrupted run
resumes from its last saved state and ends as if it had not been interrupted.
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

from entityclip.contract.atomic_files import write_json, written_whole
from model.checkpoints.train_state import Position, TrainState
from model.clip.folder import towers_folder
from model.clip.towers import load_towers
from model.data.loader import load_batches
from model.data.splits import load_splits, read_rows
from model.distributed.device import choose_device, torch_threads
from model.distributed.local import LocalGroup
from model.method.batch import Batch
from model.method.entityclip import EntityCLIP
from model.precision import forward_context
from model.rng import own_random_numbers
from model.run_files import RECORD, SETTINGS, check_run_dir
from model.settings.schema import TrainSettings
from model.tracking.open import check_trackers, open_trackers
from model.tracking.progress import NullOutput, Progress, log_data_summary, log_left_out_rows
from model.tracking.run_log import RunLog, describe_origin, describe_run, read_log
from model.training.anchors import anchors_problem, check_anchors_again, make_anchors, read_anchors
from model.training.checkpointing import CheckpointManager
from model.training.divergence import DivergenceGuard
from model.training.optimizer import clamp_logit_scale, clip_gradients, gradient_norm, make_optimizer, set_learning_rate
from model.training.prepare_model import prepare
from model.training.resume import check_resumable
from model.training.run_dir import clear_stale_files, lock_run_dir
from model.training.sound_state import NEW, find_state
from model.training.step import TrainingStep
from model.training.stop_signal import Stopped, StopSignal
from model.training.validation import Validation

OnStep = Callable[[int, int, dict[str, float]], None]  # step, total steps, losses


@dataclass(frozen=True)
class TrainResult:
    """Summary of a finished run; the full record is in `out/train.json`."""

    out: Path
    steps: int
    best_step: int
    best_mean_recall: float | None  # percent on the validation split; None without one
    seconds: float
    samples_per_second: float


def train(
    settings: TrainSettings,
    out: Path | str,
    on_step: OnStep | None = None,
    *,
    overwrite: bool = False,
    processes: LocalGroup | None = None,
) -> TrainResult:
    """Train EntityCLIP (or plain CLIP) and keep the checkpoint with the best validation mean recall.

    Explanations are read from shards, each checked against its receipt and recorded with the checkpoint; no LLM is
    used. Writes `out/settings.yaml`, `out/metrics.jsonl` (one line per step or validation), `out/checkpoint/`,
    `out/state/` and, last, `out/train.json`. `on_step(step, steps, losses)` is called after every step, counted from 1.
    The initial weights are validated too, as step 0, and kept if training never improves on them.

    An unfinished run in `out` resumes from its last saved state, unless `overwrite` is set, with the same final weights
    and log as a run that was never interrupted (bit-identical on the same kind of CPU and number of threads).

    With several `processes` (see `model.launch`), each calls this function with the same settings and trains on its
    part of every batch; only the first one writes files and prints.

    Raises ModelError for unusable settings or data. Without `overwrite`, also raises it for a finished run in `out` or
    an unfinished one with different settings or data. Raises DivergenceError for a loss or gradient that is not finite
    or far too large (`model.training.divergence`). After SIGTERM, saves the state and raises Stopped; after SIGINT,
    saves the state and calls the previous handler.
    """
    out, processes = Path(out), processes or LocalGroup()
    processes.check(settings.optim.batch_size)
    check_run_dir(out, overwrite)
    check_trackers(settings.log)
    device = processes.device or choose_device(settings.device)
    with torch_threads(settings.threads), own_random_numbers(settings.seed, device), ExitStack() as stack:
        rows = read_rows(settings.data)  # before loading the towers, to report missing data at once
        if processes.is_first:
            stack.enter_context(lock_run_dir(out))
        processes.barrier()  # leftovers of a killed run are cleared by now
        origin = describe_origin(settings, *rows)
        found = NEW if overwrite else find_state(out)
        state = found.state
        remarks = [] if state is None else check_resumable(out, state.origin, origin, settings)
        encodes = settings.method.encodes_before_training
        lost = anchors_problem(out, state.anchors) if state is not None and encodes else None
        processes.barrier()  # all have seen the same files
        if processes.is_first:
            remarks = found.set_passed_aside(out) + remarks
            clear_stale_files(out, anew=state is None, keep=settings.checkpoint.keep)
        towers = load_towers(settings.towers, load_weights=state is None or lost is not None)
        base = None if settings.towers.folder is None else towers_folder(settings.towers, towers)
        splits = load_splits(settings, towers, *rows)
        model = EntityCLIP(towers.clip, settings.method).to(device)
        if encodes:
            if state is None or lost is not None:  # the towers still have their initial weights
                batch_size = settings.evaluation.batch_size
                make_anchors(out, model.clip, splits["train"], batch_size, processes, settings.method)
            if state is not None and lost is not None:
                remarks.append(check_anchors_again(out, state.anchors, lost))
            splits["train"].anchors, splits["train"].segments = read_anchors(out, len(splits["train"]))
        prepare(model, settings)
        if processes.is_first:
            with written_whole(out / SETTINGS) as temporary:
                temporary.write_text(yaml.safe_dump(settings.as_plain(), sort_keys=False), encoding="utf-8")
        optimizer = make_optimizer(model, settings.optim)
        checkpoints = CheckpointManager(out, settings, origin, model, optimizer, splits, base)
        return _Trainer(checkpoints, device, on_step, processes).complete(state, remarks)


class _Trainer:
    """One training run."""

    def __init__(
        self, checkpoints: CheckpointManager, device: torch.device, on_step: OnStep | None, processes: LocalGroup
    ) -> None:
        self.checkpoints, self.device, self.on_step, self.processes = checkpoints, device, on_step, processes
        self.model, self.optimizer, self.splits = checkpoints.model, checkpoints.optimizer, checkpoints.splits
        self.settings = settings = checkpoints.settings
        self.training = self.splits["train"]
        self.batch_sampler = self.training.training_sampler(settings.optim.batch_size, settings.seed)
        self.steps = settings.optim.total_steps(len(self.training))
        autocast, micro = forward_context(settings.precision, device), settings.optim.micro_batch_size
        self.training_step = TrainingStep(
            self.model, settings.seed, autocast, micro_batch_size=micro, processes=processes
        )
        self.validation = Validation(checkpoints, self.steps, device, processes)
        self.at = Position()

    def complete(self, state: TrainState | None, remarks: list[str]) -> TrainResult:
        """Run the remaining steps and validations, and write the record."""
        began = time.monotonic()
        if state is not None:
            self.at = self.checkpoints.restore(state, self.device)
            remarks = remarks + self.match_checkpoint()
        self.batch_sampler.start = self.at.batches
        own_rows = map(self.processes.shard, self.batch_sampler)
        # with micro-batches, only one at a time has to be on the device
        whole = self.settings.optim.micro_batch_size is None
        self.batches = load_batches(self.training, own_rows, self.device if whole else torch.device("cpu"))
        earlier_seconds = self.at.seconds
        stop = StopSignal()
        progress, log = self.open_outputs(resumed_from=None if state is None else self.at.step)
        with closing(progress), log, stop:
            self.processes.barrier()  # the log has been truncated to the step resumed from
            self.guard = DivergenceGuard(self.checkpoints.run, self.settings.divergence, read_log(self.checkpoints.run))
            log_data_summary(progress, self.settings, self.splits)
            if state is not None:
                progress.say(f"resumed from step {self.at.step} of {self.steps}, saved in {state.folder}")
            for remark in remarks:
                progress.say(remark)
            while True:
                self.validation.after(self.at, log, progress, stop)
                self.at.seconds = earlier_seconds + time.monotonic() - began
                stopping, due = self.decide(stop)
                if stopping or due:
                    self.save_state(log, progress)
                if stopping or self.at.step == self.steps:
                    break
                self.step(log, progress)
            log_left_out_rows(progress, self.splits)
        if stopping:
            stop.hand_over()
            asked = "asked to stop" if stop.asked is None else stop.asked.name
            raise Stopped(
                f"{asked}: stopped after step {self.at.step} of {self.steps}; the state is saved in "
                f"{self.checkpoints.run}; run the same command again to resume"
            )
        return self.finish()

    def match_checkpoint(self) -> list[str]:
        """Bring position and checkpoint into agreement, first in the first process; return its remarks."""
        remark = self.checkpoints.match_checkpoint(self.at) if self.processes.is_first else None
        self.processes.barrier()
        if not self.processes.is_first:
            self.checkpoints.match_checkpoint(self.at)
        return [] if remark is None else [remark]

    def open_outputs(self, resumed_from: int | None) -> tuple[Progress | NullOutput, RunLog | NullOutput]:
        """Open the progress output and the log in the first process; other processes get null outputs."""
        if not self.processes.is_first:
            return NullOutput(), NullOutput()
        run, at = self.checkpoints.run, self.at
        progress = Progress(self.steps, self.settings.optim.batch_size, at.step)
        trackers = open_trackers(run, self.settings, progress.say, steps=self.steps, resumed_from=resumed_from)
        how: dict[str, Any] = {"resumed_from": resumed_from, "validated": at.validated, "say": progress.say}
        log = RunLog(run, trackers, steps=self.steps, **how)
        return progress, log

    def decide(self, stop: StopSignal) -> tuple[bool, bool]:
        """Agree with all processes on whether to stop (any may request it) and to save (the first process decides)."""
        due = self.processes.is_first and self.checkpoints.state_is_due(self.at, last=self.at.step == self.steps)
        votes = self.processes.all_gather_ints(stop.asked is not None, due)
        return any(stopping for stopping, _ in votes), any(saving for _, saving in votes)

    def save_state(self, log: RunLog | NullOutput, progress: Progress | NullOutput) -> None:
        """Save everything needed to resume, including the unusable images found by any process."""
        own = {use: dict(triples.failures) for use, triples in self.splits.items()}
        for found in self.processes.all_gather_objects(own):
            for use, failures in found.items():
                self.splits[use].failures.update(failures)
        log.sync()
        with progress.aside("saving"):
            if self.processes.is_first:
                progress.say(self.checkpoints.save_state(self.at, self.device))

    def step(self, log: RunLog | NullOutput, progress: Progress | NullOutput) -> None:
        """Take one optimiser step."""
        began = time.monotonic()
        step, writes = self.at.step + 1, self.processes.is_first
        batch, size = self.next_batch()
        rates = set_learning_rate(self.optimizer, step - 1, self.steps, self.settings.optim)
        values = self.training_step.gradients(step, batch)
        norm = gradient_norm(self.model)
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
        """Return this process's rows of the next batch and the number of rows in the whole batch.

        Rows without a usable image are dropped. A batch is skipped if fewer than two rows remain, because a
        contrastive loss needs at least two.
        """
        while True:
            self.at.batches += 1
            batch, rows = next(self.batches)
            size = sum(count for (count,) in self.processes.all_gather_ints(len(rows)))
            if size >= 2:
                return batch, size

    def finish(self) -> TrainResult:
        """Write the record that marks the run as finished."""
        result = TrainResult(
            out=self.checkpoints.run,
            steps=self.at.step,
            best_step=self.at.best_step,
            best_mean_recall=None if self.at.best is None else self.at.best["mean_recall"],
            seconds=self.at.seconds,
            samples_per_second=self.at.samples / self.at.step_seconds,
        )
        if self.processes.is_first:
            record = {name: value for name, value in asdict(result).items() if name != "out"}
            record["validation"] = self.at.best
            record |= describe_run(self.checkpoints.origin, self.device, self.model, self.splits)
            write_json(self.checkpoints.run / RECORD, record | {"processes": self.processes.count})
        return result
