"""One batch over several processes, whose gradients together are those of one process (torch.distributed).

Every process has some of the rows, computes the share of the loss that these rows are, and needs for it what other
processes hold: all embeddings for the contrastive losses, and the few rows that were drawn as hard negatives. Both come
with gradient, so the loss of the whole batch is the sum of the shares and its gradient the sum of theirs.
"""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from model.distributed.local import LocalBatch, LocalGroup, Rows
from model.precision import at_least_fp32
from model.rng import seeded


class DistributedGroup(LocalGroup):
    """The processes of a run, started by torchrun, as seen from one of them."""

    device: torch.device

    def __init__(self, device: torch.device) -> None:
        """`device` is this process's own; torch.distributed is initialised."""
        self.device = device
        self.rank, self.count = dist.get_rank(), dist.get_world_size()

    def shard(self, rows: list[int]) -> list[int]:
        return rows[len(rows) * self.rank // self.count : len(rows) * (self.rank + 1) // self.count]

    def share(self, rows: int, texts: int) -> "DistributedBatch":
        every = self.all_gather_ints(rows, texts)
        return DistributedBatch(self.rank, [count for count, _ in every], max(length for _, length in every))

    def all_gather_ints(self, *own: int) -> list[list[int]]:
        mine = torch.tensor(own, device=self.device)
        return [row.tolist() for row in _all_gathered(mine)]

    def barrier(self) -> None:
        self.all_gather_ints(0)

    def all_gather_json(self, own: Any) -> list[Any]:
        said = torch.frombuffer(bytearray(json.dumps(own).encode()), dtype=torch.uint8).to(self.device)
        longest = max(size for (size,) in self.all_gather_ints(len(said)))
        padded = F.pad(said, (0, longest - len(said)), value=ord(" "))
        return [json.loads(bytes(one.tolist())) for one in _all_gathered(padded)]

    @contextmanager
    def own_random_numbers(self, seed: int, step: int) -> Iterator[None]:
        on_gpu = self.device.type == "cuda"
        with torch.random.fork_rng(devices=[self.device] if on_gpu else []):
            torch.manual_seed(seeded(seed, f"process {self.rank}", step).initial_seed())
            yield


class DistributedBatch(LocalBatch):
    """B rows, some of them here."""

    def __init__(self, rank: int, sizes: list[int], longest: int) -> None:
        """`sizes[r]` rows lie in process r; their texts have at most `longest` tokens."""
        super().__init__(sum(sizes))
        self.processes, self.rank, self.sizes, self.longest = len(sizes), rank, sizes, longest
        self.first = sum(sizes[:rank])

    def gather(self, x: Tensor) -> Tensor:
        """The rows of every process, (b, ...) to (B, ...), with gradient."""
        gathered: Tensor = _Gather.apply(x, self.rank, self.sizes)
        return gathered

    def sum(self, x: Tensor) -> Tensor:
        """The sum over the processes, without gradient."""
        total = x.detach().clone()
        dist.all_reduce(total)
        return total

    def rows(self, index: Tensor) -> Rows:
        """The rows of these numbers, (b,) of 0 to B - 1, as many as there are own rows."""
        return _RowsElsewhere(self, index)


class AveragedGradients:
    """A model with gradients that DistributedDataParallel averages over the processes, as they come."""

    def __init__(self, model: nn.Module) -> None:
        """Also gives every process the parameters of the first."""
        self._ddp = DistributedDataParallel(_Passes(model), forward_sync_buffers=False)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """The model's forward pass; the next backward pass averages."""
        return self._ddp(None, *arguments, **named)

    def token_features(self, batch: Any) -> Any:
        """The model's `token_features`; the next backward pass averages, also what was in `.grad` before it."""
        return self._ddp("token_features", batch)

    def not_yet(self) -> AbstractContextManager[None]:
        """Backward passes within it add to this process's gradients alone."""
        context: AbstractContextManager[None] = self._ddp.no_sync()
        return context


class _Passes(nn.Module):
    """The ways through a model, as the forward pass that DistributedDataParallel looks at."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, name: str | None, *arguments: Any, **named: Any) -> Any:
        if name is None:
            return self.model(*arguments, **named)
        # the heads have their gradients already, and wait to be averaged until the backward pass comes by
        features = getattr(self.model, name)(*arguments, **named)
        return features._replace(image=_TakePart.apply(features.image, *self.model.parameters()))


class _TakePart(torch.autograd.Function):
    """The first argument; the backward pass comes by the others too, without a gradient for them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *others: Tensor) -> Tensor:
        ctx.others = len(others)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return (gradients[0], *[None] * ctx.others)


class _RowsElsewhere(Rows):
    """Rows that their owners send: each process knows from all indices what it is asked for, and by whom."""

    def __init__(self, whole: DistributedBatch, index: Tensor) -> None:
        self._longest = whole.longest
        wanted = whole.gather(index).split(whole.sizes)
        starts = torch.tensor([sum(whole.sizes[: rank + 1]) for rank in range(whole.processes)], device=index.device)
        owners = [torch.bucketize(rows, starts, right=True) for rows in wanted]
        asked = [rows[owner == whole.rank] - whole.first for rows, owner in zip(wanted, owners, strict=True)]
        self._send = torch.cat(asked)
        self._send_sizes = [len(rows) for rows in asked]
        self._receive_sizes = torch.bincount(owners[whole.rank], minlength=whole.processes).tolist()
        self._order = owners[whole.rank].argsort(stable=True).argsort()  # they come owner by owner

    def of(self, x: Tensor) -> Tensor:
        received: Tensor = _Exchange.apply(x[self._send], self._send_sizes, self._receive_sizes)
        return received[self._order]

    def of_texts(self, x: Tensor) -> Tensor:
        return self.of(F.pad(x, [0] * (2 * x.ndim - 4) + [0, self._longest - x.shape[1]]))


class _Gather(torch.autograd.Function):
    """All rows to all processes; a row's gradient is the sum of what all of them did with it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rank: int, sizes: list[int]) -> Tensor:
        ctx.rank, ctx.sizes = rank, sizes
        padded = F.pad(x, [0] * (2 * x.ndim - 2) + [0, max(sizes) - len(x)])
        return torch.cat([part[:size] for part, size in zip(_all_gathered(padded), sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        # all of it to all, rather than each its part: a sum that every backend has, of embeddings alone
        total = at_least_fp32(gradients[0]).clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total.split(ctx.sizes)[ctx.rank].to(gradients[0].dtype), None, None


class _Exchange(torch.autograd.Function):
    """Rows to the processes that asked for them; their gradients the same way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, send: list[int], receive: list[int]) -> Tensor:
        ctx.send, ctx.receive = send, receive
        return _exchanged(x, send, receive)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _exchanged(gradients[0], ctx.receive, ctx.send), None, None


def _exchanged(x: Tensor, send: list[int], receive: list[int]) -> Tensor:
    as_bytes = x.dtype == torch.bool  # which not every backend sends
    x = (x.to(torch.uint8) if as_bytes else x).contiguous()
    received = x.new_empty(sum(receive), *x.shape[1:])
    dist.all_to_all_single(received, x, receive, send)
    return received.bool() if as_bytes else received


def _all_gathered(x: Tensor) -> list[Tensor]:
    x = x.contiguous()
    every = [torch.empty_like(x) for _ in range(dist.get_world_size())]
    dist.all_gather(every, x)
    return every
