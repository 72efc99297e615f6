"""The batch that a loss is of, as seen from one process that holds all of it.

`model.distributed.SharedBatch` is its counterpart where every process holds some of the rows. Each then computes its
own rows' share of the loss, and the gradients of all shares together are the gradient of the whole.
"""

from torch import Tensor


class Rows:
    """Some rows of a batch that lies here."""

    def __init__(self, index: Tensor) -> None:
        self._index = index

    def of(self, x: Tensor) -> Tensor:
        """These rows of `x` (b, ...), with gradient; x has the same further dimensions in every process."""
        return x[self._index]

    def of_texts(self, x: Tensor) -> Tensor:
        """As `of` for x (b, L, ...), L the longest text of its process: zeros after that, to the longest of all."""
        return x[self._index]


class WholeBatch:
    """B rows, all of them here."""

    processes = 1
    first = 0  # the number, in the whole batch, of the first row here

    def __init__(self, size: int) -> None:
        self.size = size  # B

    def gather(self, x: Tensor) -> Tensor:
        """The rows of every process, (b, ...) to (B, ...), with gradient."""
        return x

    def sum(self, x: Tensor) -> Tensor:
        """The sum over the processes, without gradient."""
        return x.detach()

    def rows(self, index: Tensor) -> Rows:
        """The rows of these numbers, (n,) of 0 to B - 1."""
        return Rows(index)
