"""Builds the training steps to compare, with random weights and inputs of given sizes, and measures their costs."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple

import torch
import typer
from torch import Tensor, nn

from benchmarks.measuring import peak_mib
from benchmarks.naive_entityclip import NaiveEntityCLIP
from model.clip.open_clip_import import open_clip
from model.clip.towers import check_towers, text_pool
from model.errors import ModelError
from model.method.batch import Batch
from model.method.entityclip import EntityCLIP
from model.method.losses import contrastive_loss
from model.settings.schema import MethodSettings
from model.training.flops import count_flops

ModelName = Annotated[str, typer.Option(help="Name of an open_clip model. Its weights are random.")]
Device = Annotated[Literal["cpu", "cuda"], typer.Option(help="Device to run on.")]
Bf16 = Annotated[bool | None, typer.Option(help="Use bf16 autocast. Default: only on a GPU.")]
Threads = Annotated[int, typer.Option(min=1, help="Number of torch threads on a CPU.")]


class Variant(StrEnum):
    """The kinds of training step that are compared."""

    PLAIN = "plain CLIP"
    EXPLANATION = "+ explanation encoded"
    FULL = "EntityCLIP"
    TRIMMED = "EntityCLIP, texts trimmed"
    NAIVE = "EntityCLIP, naive"


BASELINE = Variant.EXPLANATION


@dataclass(frozen=True)
class Workload:
    """Model, input sizes, precision and device of a step."""

    model: str = "ViT-B-32"  # an open_clip name
    batch: int = 16
    context_length: int | None = None  # padded length of texts; None: the model's default
    caption_tokens: int = 40  # the longest caption, including its end token
    explanation_tokens: int = 77
    bf16: bool = False  # bf16 autocast if True, fp32 otherwise
    device: str = "cpu"
    threads: int = 1

    def __str__(self) -> str:
        where = torch.cuda.get_device_name() if self.device == "cuda" else f"CPU, {self.threads} thread(s), CPU time"
        return f"{'bf16 autocast' if self.bf16 else 'fp32'}, {where}"

    def now(self) -> float:
        """Return the time in seconds: this process's CPU time on a CPU, or wall time after synchronising with a GPU."""
        if self.device == "cuda":
            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time()

    def peak_bytes(self) -> int:
        """Return the peak memory of this process: the peak RSS on a CPU, or the peak of torch's allocator on a GPU."""
        return torch.cuda.max_memory_allocated() if self.device == "cuda" else int(peak_mib() * 2**20)


class Steps:
    """Step variants that share one CLIP; `losses[variant]()` runs a variant's forward pass and returns its loss.

    `PLAIN` and `EXPLANATION` use open_clip's `encode_image` and `encode_text`. `EXPLANATION` adds VTC(V_cls, E_eot) to
    the loss, so that gradients reach the explanation too. EntityCLIP has its default settings and draws negatives
    within the step.
    """

    def __init__(self, work: Workload, variants: list[Variant]) -> None:
        """Build the modules for `variants`. Raises ModelError for a model that EntityCLIP does not support."""
        torch.manual_seed(0)
        if work.model not in open_clip.list_models():
            raise ModelError(f"open_clip has no model {work.model!r}")
        self._work = work
        self.clip: Any = open_clip.create_model(work.model, device=work.device).train()
        check_towers(self.clip)
        self.modules = nn.ModuleDict({"clip": self.clip})
        length = min(work.context_length or self.clip.context_length, self.clip.context_length)
        self.padded = padded = self._make_batch(length)
        makers = {
            Variant.PLAIN: lambda: self._baseline(padded, explanations=False),
            Variant.EXPLANATION: lambda: self._baseline(padded, explanations=True),
            Variant.FULL: lambda: self._full(padded),
            Variant.TRIMMED: lambda: self._full(_trimmed(padded, work)),
            Variant.NAIVE: lambda: self._naive(padded),
        }
        self.losses = {variant: self._in_precision(makers[variant]()) for variant in variants}

    def optimizer(self) -> torch.optim.Optimizer:
        """Return an AdamW optimiser for all modules; parameters without gradients add no cost."""
        return torch.optim.AdamW(self.modules.parameters(), lr=1e-6, fused=True)

    def _baseline(self, batch: Batch, *, explanations: bool) -> Callable[[], Tensor]:
        clip = self.clip

        def loss() -> Tensor:
            scale = clip.logit_scale.exp()
            image = clip.encode_image(batch.images)
            total = contrastive_loss(image, clip.encode_text(batch.captions), scale)[0]
            if explanations:
                total = total + contrastive_loss(image, clip.encode_text(batch.explanations), scale)[0]
            return total

        return loss

    def _full(self, batch: Batch) -> Callable[[], Tensor]:
        if "full" not in self.modules:
            self.modules["full"] = EntityCLIP(self.clip, MethodSettings()).to(self._work.device)
        model = self.modules["full"]
        return lambda: model(batch).losses["total"]

    def _naive(self, batch: Batch) -> Callable[[], Tensor]:
        self.modules["naive"] = model = NaiveEntityCLIP(self.clip, MethodSettings()).to(self._work.device)
        return lambda: model(batch).losses["total"]

    def _in_precision(self, loss: Callable[[], Tensor]) -> Callable[[], Tensor]:
        def run() -> Tensor:
            with torch.autocast(self._work.device, torch.bfloat16):
                return loss()

        return run if self._work.bf16 else loss

    def _make_batch(self, length: int) -> Batch:
        """Return random pixels and token ids; text lengths vary between half the maximum and the maximum."""
        work, device = self._work, self._work.device
        height, width = self.clip.visual.image_size
        captions = self._make_texts(length, min(length, work.caption_tokens))
        explanations = self._make_texts(length, min(length, work.explanation_tokens))
        rows = torch.arange(work.batch, device=device)
        images = torch.randn(work.batch, 3, height, width).to(device)
        return Batch([str(row) for row in range(work.batch)], images, captions, explanations, rows, rows, rows)

    def _make_texts(self, length: int, longest: int) -> Tensor:
        vocabulary = self.clip.vocab_size
        pool_type, eos_id = text_pool(self.clip)
        end = vocabulary - 1 if pool_type == "argmax" else eos_id
        tokens = torch.randint(1, vocabulary // 2, (self._work.batch, length))
        last = torch.randint(longest // 2, longest, (self._work.batch, 1))
        last[0] = longest - 1
        tokens[torch.arange(length) > last] = 0
        return tokens.scatter_(1, last, end).to(self._work.device)


def _trimmed(batch: Batch, work: Workload) -> Batch:
    assert batch.explanations is not None
    captions = batch.captions[:, : work.caption_tokens]
    return replace(batch, captions=captions, explanations=batch.explanations[:, : work.explanation_tokens])


class Flops(NamedTuple):
    """Number of operations in matrix products and convolutions; a multiply-add counts as two."""

    forward: int
    step: int  # forward and backward

    @classmethod
    def of(cls, work: Workload, variant: Variant) -> "Flops":
        """Count a step's operations on the meta device, which computes nothing."""
        loss = Steps(replace(work, device="meta", bf16=False), [variant]).losses[variant]
        return cls(count_flops(loss), count_flops(lambda: loss().backward()))


def peak_memory(work: Workload, variant: Variant, *, compiled: bool) -> int:
    """Run two steps with AdamW in this process, and return the peak memory in bytes."""
    torch.set_num_threads(work.threads)
    steps = Steps(work, [variant])
    loss = torch.compile(steps.losses[variant]) if compiled else steps.losses[variant]
    optimizer = steps.optimizer()
    for _ in range(2):  # the first step allocates AdamW's state
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        optimizer.step()
    return work.peak_bytes()
