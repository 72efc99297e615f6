"""Measures training steps on random pairs, for `model.training.estimate`: `python -m model.training.trial`.

Reads the settings and the numbers of rows from a line on stdin and writes the estimate to stdout, both as JSON. Ends
when stdin is closed, so that it does not outlive its parent.
"""

import json
import os
import resource
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from model.clip.tokenize import TextReader
from model.clip.towers import embed_width, image_size, load_towers, text_pool
from model.distributed.device import choose_device
from model.errors import ModelError
from model.evaluation.embed_explanations import MOST_SEGMENTS
from model.method.batch import Batch
from model.method.entityclip import EntityCLIP
from model.precision import forward_context
from model.settings.schema import TrainSettings
from model.training.estimate import TrainingEstimate
from model.training.optimizer import make_optimizer
from model.training.prepare_model import prepare
from model.training.step import TrainingStep

_SIZES = (2, 8)  # pairs in the measured steps on a CPU; a GPU measures all that pass through the towers at once
_ROUNDS = 3  # after one that allocates the optimiser's state
_SECONDS = 5.0  # for the steps of a size, after the first
_MICRO_BATCHES = 4 / 3  # their steps take up to a third longer (docs/performance.md)


def try_training(settings: TrainSettings, train_rows: int, val_rows: int, caption_tokens: int) -> TrainingEstimate:
    """Measure steps of the settings' model with random weights in this process; see `estimate_training`."""
    trial = Trial(settings, caption_tokens)
    batch_size = settings.optim.batch_size
    at_once = min(batch_size, settings.optim.micro_batch_size or batch_size)
    on_gpu = trial.device.type == "cuda"
    sizes = (at_once,) if on_gpu else tuple(dict.fromkeys(min(size, at_once) for size in _SIZES))
    measured = [trial.step(size) for size in sizes]
    seconds, memory = [taken for taken, _ in measured], [peak for _, peak in measured]
    step = _extrapolated(sizes, seconds, at_once) * batch_size / at_once
    step *= _MICRO_BATCHES if at_once < batch_size else 1
    encode_pair, encode_text = trial.encoding(sizes[-1])
    steps = settings.optim.total_steps(train_rows)
    validations = 0 if settings.data.splits.val is None else steps // settings.evaluation.every + 2
    validation = validations * val_rows * encode_pair
    anchors = train_rows * encode_text if settings.method.encodes_before_training else 0.0
    return TrainingEstimate(
        device=str(trial.device),
        steps=steps,
        batch_size=batch_size,
        measured_sizes=sizes,
        measured_seconds=tuple(seconds),
        step_seconds=step,
        validation_seconds=validation,
        seconds=anchors + steps * step + validation,
        memory_bytes=int(_extrapolated(sizes, memory, at_once)),
        disk_bytes=trial.disk_bytes(),
    )


class Trial:
    """A model with random weights, and steps of it on random pairs."""

    def __init__(self, settings: TrainSettings, caption_tokens: int) -> None:
        """Build the model and its optimiser. Captions have `caption_tokens`, explanations fill the context."""
        torch.manual_seed(settings.seed)
        if settings.threads is not None:
            torch.set_num_threads(settings.threads)
        self.settings, self.device = settings, choose_device(settings.device)
        towers = load_towers(settings.towers, load_weights=False)
        self.clip: Any = towers.clip
        self.model = EntityCLIP(self.clip, settings.method).to(self.device)
        prepare(self.model, settings)
        self._optimizer = make_optimizer(self.model, settings.optim)
        self._training = TrainingStep(self.model, settings.seed, forward_context(settings.precision, self.device))
        self._context = TextReader(towers).context_length
        self._caption_tokens = min(max(caption_tokens, 2), self._context)

    def step(self, size: int) -> tuple[float, float]:
        """Return the seconds of the fastest of a few steps of `size` pairs, and the peak memory so far in bytes."""
        batch, taken = self._batch(size), list[float]()
        while len(taken) <= _ROUNDS and sum(taken[1:]) < _SECONDS:
            began = self._now()
            self._training.gradients(1, batch)
            self._optimizer.step()
            taken.append(self._now() - began)
        return min(taken), self._peak()

    @torch.inference_mode()
    def encoding(self, size: int) -> tuple[float, float]:
        """Return the seconds that encoding takes: of an image and a text, and of a text alone."""
        batch = self._batch(size).to(self.device)
        texts = self._texts(size, self._context).to(self.device)
        self.clip.eval()
        image = self._repeated(self.clip.encode_image, batch.images) / size
        text = self._repeated(self.clip.encode_text, texts) / size
        return image + text, text

    def disk_bytes(self) -> int:
        """Return the size of a run's checkpoint and states, one of which is written before another is removed."""
        count = sum(parameter.numel() for parameter in self.model.parameters())
        trained = sum(parameter.numel() for parameter in self.model.parameters() if parameter.requires_grad)
        of_towers = sum(parameter.numel() for parameter in self.clip.parameters())
        state = count + 2 * trained  # weights and two moments
        return 4 * (2 * (count + of_towers) + (self.settings.checkpoint.keep + 1) * state)

    def _batch(self, size: int) -> Batch:
        method, numbers = self.settings.method, torch.arange(size)
        width = embed_width(self.clip)
        anchors = F.normalize(torch.randn(size, width), dim=-1) if method.has_anchors else None
        segments = torch.randn(size, MOST_SEGMENTS, width) if method.has_segment_anchors else None
        return Batch(
            ids=[str(number) for number in range(size)],
            images=torch.randn(size, 3, *image_size(self.clip)),
            captions=self._texts(size, self._context if method.reads_padding else self._caption_tokens),
            explanations=self._texts(size, self._context) if method.reads_explanations else None,
            image_group=numbers,
            caption_group=numbers,
            key_group=numbers,
            anchors=anchors,
            segments=segments,
        )

    def _texts(self, size: int, length: int) -> Tensor:
        """Return random token ids (size, length) that end in the end-of-text token."""
        pool_type, eos_id = text_pool(self.clip)
        tokens = torch.randint(1, max(int(self.clip.vocab_size) // 2, 2), (size, length))
        tokens[:, -1] = int(self.clip.vocab_size) - 1 if pool_type == "argmax" else eos_id
        return tokens

    def _repeated(self, encode: Any, inputs: Tensor) -> float:
        encode(inputs)
        began = self._now()
        encode(inputs)
        return self._now() - began

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return time.monotonic()

    def _peak(self) -> float:
        if self.device.type == "cuda":
            return float(torch.cuda.max_memory_allocated())
        unit = 1 if sys.platform == "darwin" else 1024
        return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def _extrapolated(sizes: Sequence[int], values: Sequence[float], size: int) -> float:
    """Return the value at `size` of the line through the last two points; never less than the last value."""
    if len(sizes) == 1:
        return values[0]
    slope = (values[-1] - values[0]) / (sizes[-1] - sizes[0])
    return values[-1] + max(slope, 0.0) * (size - sizes[-1])


def main() -> None:
    """Answer the task on stdin with one line on stdout; a ModelError is answered as {"error": message}."""
    task = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    try:
        settings = TrainSettings.model_validate(task["settings"])
        train_rows, val_rows = task["rows"]
        estimate = try_training(settings, train_rows, val_rows, task["caption_tokens"])
        print(json.dumps(estimate._asdict()))
    except ModelError as error:
        print(json.dumps({"error": str(error)}))


def _end_with_stdin() -> None:
    os.read(sys.stdin.fileno(), 1)  # returns at the end of the file only, as nothing follows the line
    os._exit(1)


if __name__ == "__main__":
    main()
