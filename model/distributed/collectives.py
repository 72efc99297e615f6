"""Batches sharded over processes (torch.distributed), with the same gradients as in a single process.

Each process holds some of the rows and computes their share of the loss. This requires rows from other processes: all
embeddings for the contrastive losses, and the rows drawn as hard negatives. Gradients flow back through both exchanges,
so the shares add up to the loss of the whole batch, and their gradients add up to the gradient of that loss.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed._functional_collectives import all_to_all_single
from torch.nn.parallel import DistributedDataParallel

from model.distributed.local import LocalBatch, LocalGroup, Rows
from model.precision import at_least_fp32
from model.rng import forked, seeded


class DistributedGroup(LocalGroup):
    """Process group of a run under torchrun, with the rank and device of this process."""

    device: torch.device

    def __init__(self, device: torch.device) -> None:
        """Use the initialised torch.distributed group; `device` is this process's device."""
        self.device = device
        self.rank, self.count = dist.get_rank(), dist.get_world_size()

    def shard(self, rows: list[int]) -> list[int]:
        return rows[len(rows) * self.rank // self.count : len(rows) * (self.rank + 1) // self.count]

    def share(self, rows: int, texts: int) -> "DistributedBatch":
        sizes = self.all_gather_ints(rows, texts)
        return DistributedBatch(self.rank, [count for count, _ in sizes], max(length for _, length in sizes))

    def all_gather_ints(self, *own: int) -> list[list[int]]:
        return [row.tolist() for row in _all_gathered(torch.tensor(own, device=self.device))]

    def all_gather_objects(self, own: Any) -> list[Any]:
        values: list[Any] = [None] * self.count
        dist.all_gather_object(values, own)
        return values

    @contextmanager
    def own_random_numbers(self, seed: int, step: int) -> Iterator[None]:
        with forked(self.device):
            torch.manual_seed(seeded(seed, f"process {self.rank}", step).initial_seed())
            yield


class DistributedBatch(LocalBatch):
    """A batch of B rows, split over several processes."""

    def __init__(self, rank: int, sizes: list[int], longest: int) -> None:
        """Describe a batch split over processes: process r holds `sizes[r]` rows; texts have up to `longest` tokens."""
        super().__init__(sum(sizes))
        self.processes, self.rank, self.sizes, self.longest = len(sizes), rank, sizes, longest
        self.first = sum(sizes[:rank])

    def gather(self, x: Tensor) -> Tensor:
        return _Gather.apply(x, self.rank, self.sizes)

    def sum(self, x: Tensor) -> Tensor:
        total = x.detach().clone()
        dist.all_reduce(total)
        return total

    def rows(self, index: Tensor) -> Rows:
        return _RemoteRows(self, index)


class AveragedGradients:
    """A model wrapped in DistributedDataParallel, which averages gradients over processes in the backward pass."""

    def __init__(self, model: nn.Module) -> None:
        """Wrap `model` and broadcast the first process's parameters to the other processes."""
        self._ddp = DistributedDataParallel(_Forward(model), forward_sync_buffers=False)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Run the model's forward pass; the backward pass then averages the gradients over the processes."""
        return self._ddp(None, *arguments, **named)

    def token_features(self, batch: Any) -> Any:
        """Run the model's `token_features`; the backward pass averages gradients, including any already in `.grad`."""
        return self._ddp("token_features", batch)

    def not_yet(self) -> AbstractContextManager[None]:
        """Return a context that lets backward passes accumulate gradients without averaging them."""
        return self._ddp.no_sync()


class _Forward(nn.Module):
    """Routes calls to the model's methods through `forward`, the only method that DistributedDataParallel hooks."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, name: str | None, *arguments: Any, **named: Any) -> Any:
        if name is None:
            return self.model(*arguments, **named)
        # DistributedDataParallel averages only what a backward pass reaches, so this one must also reach the
        # training-only modules, although their gradients are already complete
        features = getattr(self.model, name)(*arguments, **named)
        return features._replace(image=_Depend.apply(features.image, *self.model.parameters()))


class _Depend(torch.autograd.Function):
    """Returns its first argument; the backward pass also visits the others, but leaves their gradients unchanged."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *others: Tensor) -> Tensor:
        ctx.others = len(others)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return (gradients[0], *[None] * ctx.others)


class _RemoteRows(Rows):
    """Rows received from the processes that hold them; each process gathers all indices to know which rows to send."""

    def __init__(self, whole: DistributedBatch, index: Tensor) -> None:
        self._longest = whole.longest
        indices = whole.gather(index).split(whole.sizes)
        starts = torch.tensor([sum(whole.sizes[: rank + 1]) for rank in range(whole.processes)], device=index.device)
        owners = [torch.bucketize(rows, starts, right=True) for rows in indices]
        requested = [rows[owner == whole.rank] - whole.first for rows, owner in zip(indices, owners, strict=True)]
        self._send = torch.cat(requested)
        self._send_sizes = [len(rows) for rows in requested]
        self._receive_sizes = torch.bincount(owners[whole.rank], minlength=whole.processes).tolist()
        self._order = owners[whole.rank].argsort(stable=True).argsort()  # rows arrive sorted by owner

    def of(self, x: Tensor) -> Tensor:
        as_bytes, world = x.dtype == torch.bool, dist.group.WORLD  # not every backend can send bool
        assert world is not None
        x = x.to(torch.uint8) if as_bytes else x
        received = all_to_all_single(x[self._send], self._receive_sizes, self._send_sizes, world)[self._order]
        return received.bool() if as_bytes else received

    def of_texts(self, x: Tensor) -> Tensor:
        return self.of(F.pad(x, [0] * (2 * x.ndim - 4) + [0, self._longest - x.shape[1]]))


class _Gather(torch.autograd.Function):
    """All-gather of rows; a row's gradient is summed over all processes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rank: int, sizes: list[int]) -> Tensor:
        ctx.rank, ctx.sizes = rank, sizes
        padded = F.pad(x, [0] * (2 * x.ndim - 2) + [0, max(sizes) - len(x)])
        return torch.cat([part[:size] for part, size in zip(_all_gathered(padded), sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        # all-reduce of embeddings is cheap; not every backend has reduce-scatter
        total = at_least_fp32(gradients[0]).clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total.split(ctx.sizes)[ctx.rank].to(gradients[0].dtype), None, None


def _all_gathered(x: Tensor) -> list[Tensor]:
    x = x.contiguous()
    parts = [torch.empty_like(x) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, x)
    return parts
