"""TensorBoard tracker, used by every run."""

import shutil
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

TENSORBOARD = "tensorboard"


class TensorBoard:
    """Tracker that writes event files to `RUN/tensorboard`; a resumed run purges the points that it will repeat."""

    name = "TensorBoard"

    def __init__(self, run: Path, resumed_from: int | None) -> None:
        folder = run / TENSORBOARD
        if resumed_from is None:
            shutil.rmtree(folder, ignore_errors=True)  # do not mix with an earlier run's curves
        purge = None if resumed_from is None else resumed_from + 1
        self._writer = SummaryWriter(str(folder), purge_step=purge, flush_secs=10)

    def log(self, step: int, scalars: dict[str, float]) -> None:
        """Write the scalars, which reach the disk within seconds."""
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, step)

    def close(self, *, failed: bool) -> None:
        """Flush the event file."""
        self._writer.close()
