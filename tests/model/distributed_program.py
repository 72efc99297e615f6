"""What each process of test_collectives.py runs, under torchrun: gradients of many cases, some rows each."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
import torch.distributed as dist
from safetensors.torch import save_file

from model.clip.towers import load_towers
from model.distributed.collectives import DistributedGroup
from model.method.batch import Batch
from model.method.entityclip import EntityCLIP
from model.settings.schema import TowerSettings
from model.training.gradient_cache import trimmed
from model.training.step import TrainingStep
from tests.model.training.test_gradient_cache import BF16, METHODS, model_of, ragged_batch

SIZE = 11


class Case(NamedTuple):
    method: str
    dtype: torch.dtype
    micro: int | None
    here: tuple[int, ...]  # how many of the rows lie in each process
    locked: str | None = None

    def __str__(self) -> str:
        return f"{self.method}, {self.dtype}, micro {self.micro}, rows {self.here}, locked {self.locked}"


def cases(processes: int) -> Iterator[Case]:
    spreads = {2: [(5, 6), (2, 9), (11, 0)], 3: [(3, 4, 4), (0, 10, 1)]}[processes]
    for method in METHODS:
        for micro in (None, 2):
            # fp64 checks the arithmetic of every method; fp32, of one method where time is short, the precision
            both = processes > 2 or method == "EntityCLIP and bridge"
            dtypes = (torch.float32, torch.float64) if both else (torch.float64,)
            for dtype in dtypes:
                yield Case(method, dtype, micro, spreads[0])
    yield Case("EntityCLIP and bridge", torch.bfloat16, 2, spreads[0])
    for here in spreads[1:]:
        for micro in (None, 3):
            yield Case("EntityCLIP and bridge", torch.float64, micro, here)
    for locked in ("visual", "all"):
        for micro in (None, 4):
            yield Case("EntityCLIP", torch.float64, micro, spreads[0], locked)


def prepared(case: Case, clip_folder: Path) -> tuple[EntityCLIP, Batch]:
    clip = load_towers(TowerSettings(model=f"local-dir:{clip_folder}")).clip
    model, batch = model_of(clip, METHODS[case.method]), ragged_batch(SIZE)
    if case.locked == "all":
        clip.requires_grad_(False)
    elif case.locked is not None:
        getattr(clip, case.locked).requires_grad_(False)
    if case.dtype == torch.float64:
        model, batch = model.double(), replace(batch, images=batch.images.double())
    return model, batch


def computed(
    case: Case, model: EntityCLIP, batch: Batch, processes: DistributedGroup | None
) -> dict[str, torch.Tensor]:
    """Gradients by parameter's name, and losses and report as "= NAME"."""
    how = (BF16,) if case.dtype == torch.bfloat16 else ()
    step = TrainingStep(model, 0, *how, micro_batch_size=case.micro, processes=processes)
    for _ in range(2):  # the second time, what the first has left must not matter
        values = step.gradients(3, batch)
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.requires_grad and p.grad is not None}
    numbers = {**values.losses, **values.report}
    return found | {f"= {name}": torch.tensor(value, dtype=torch.float64) for name, value in numbers.items()}


def main() -> None:
    clip_folder, out = map(Path, sys.argv[1:])
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    processes = DistributedGroup(torch.device("cpu"))
    found = {}
    for case in cases(processes.count):
        model, batch = prepared(case, clip_folder)
        start = sum(case.here[: processes.rank])
        own = batch.rows(slice(start, start + case.here[processes.rank]))
        if not model.method.reads_padding:
            own = trimmed(model.clip, own)  # so texts differ in length between the processes
        found |= {f"{case}: {name}": value for name, value in computed(case, model, own, processes).items()}
    said = processes.all_gather_objects({"rank": processes.rank, "ids": ["ä"] * processes.rank})
    assert said == [{"rank": rank, "ids": ["ä"] * rank} for rank in range(processes.count)]
    save_file(found, out / f"{processes.rank}.safetensors")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
