"""TensorBoard, which every run writes for."""

import shutil
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

TENSORBOARD = "tensorboard"
_FLUSH_SECONDS = 10


class TensorBoard:
    """Event files under `RUN/tensorboard`; a resumed run takes back the points that it will make again."""

    name = "TensorBoard"

    def __init__(self, run: Path, resumed_from: int | None) -> None:
        folder = run / TENSORBOARD
        if resumed_from is None:
            shutil.rmtree(folder, ignore_errors=True)  # an earlier run's curves must not mix with these
        purge = None if resumed_from is None else resumed_from + 1
        self._writer = SummaryWriter(str(folder), purge_step=purge, flush_secs=_FLUSH_SECONDS)

    def log(self, step: int, scalars: dict[str, float]) -> None:
        """Write them; on disk within seconds."""
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, step)

    def close(self, *, failed: bool) -> None:
        """Flush the event file."""
        self._writer.close()
