"""FLOP count of a training step, for comparisons at equal compute."""

from collections.abc import Callable
from functools import partial
from itertools import islice
from statistics import fmean

from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from model.clip.towers import load_towers
from model.data.dataset import TripleDataset
from model.data.loader import load_batches
from model.data.splits import load_splits, read_rows
from model.method.batch import Batch
from model.method.entityclip import EntityCLIP
from model.rng import seeded
from model.settings.schema import TrainSettings
from model.training.anchors import encode_before_training


def count_flops(compute: Callable[[], object]) -> int:
    """Count one call's floating-point operations in matrix products and convolutions; a multiply-add counts as two.

    torch counts mm, addmm, bmm, baddbmm and convolutions but not the CPU's fused attention, so SDPA runs with its math
    backend, which uses only these operations.
    """
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        compute()
    return int(counter.get_total_flops())


def step_flops(settings: TrainSettings, count: int = 4) -> float:
    """Return the FLOPs of a training step, forward and backward, averaged over the run's first `count` batches.

    Work done once, before the first step, is spread over all steps. Raises ModelError for unusable settings or data.
    """
    towers = load_towers(settings.towers)
    training = load_splits(settings, towers, *read_rows(settings.data))["train"]
    model = EntityCLIP(towers.clip, settings.method)
    once = 0
    if settings.method.encodes_before_training:
        once = count_flops(lambda: _anchor(model, training, settings))
    sampler = training.training_sampler(settings.optim.batch_size, settings.seed)
    sampler.start = 1
    batches = load_batches(training, islice(sampler, count))
    found = fmean(count_flops(partial(_step, model, batch, settings.seed)) for batch, _ in batches)
    return found + once / settings.optim.total_steps(len(training))


def _anchor(model: EntityCLIP, training: TripleDataset, settings: TrainSettings) -> None:
    batch_size = settings.evaluation.batch_size
    training.anchors, training.segments = encode_before_training(model.clip, training, batch_size, settings.method)


def _step(model: EntityCLIP, batch: Batch, seed: int) -> None:
    model(batch, generator=seeded(seed, "flops")).losses["total"].backward()
