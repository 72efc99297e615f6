"""Checks to run before training. They do not import torch, so mistakes are reported at once."""

import ctypes
import ctypes.util
from pathlib import Path

from entityclip.contract.locations import is_url
from model.clip_files import check_clip_folder
from model.data.receipts import no_shards
from model.errors import ModelError
from model.run_files import check_run_dir
from model.settings.schema import TrainSettings


def check_training(settings: TrainSettings, out: Path, *, overwrite: bool) -> None:
    """Check the run folder, the device, the CLIP folder and the explanations.

    Raises ModelError if `out` contains a finished run, there is no GPU for device=cuda, the CLIP folder's files are
    damaged, or no shards are found.
    """
    check_run_dir(out, overwrite)
    if settings.towers.folder is not None and settings.towers.folder.resolve().is_relative_to(out.resolve()):
        raise ModelError(
            f"towers.model: training would replace {settings.towers.folder}, which it starts from; choose another --out"
        )
    if settings.device == "cuda" and not has_gpu():
        raise ModelError("device=cuda: the driver finds no GPU; set device=auto or device=cpu")
    if settings.towers.folder is not None:
        check_clip_folder(settings.towers.folder)
    location, split = settings.data.explanations, settings.data.splits.train
    if not is_url(str(location)) and not any(Path(location).glob(f"split={split}/part-*.parquet")):
        raise ModelError(no_shards(Path(location), split))


def has_gpu() -> bool:
    """Return whether the driver finds a GPU; asking it is much faster than importing torch."""
    count = ctypes.c_int()
    try:
        driver = ctypes.CDLL("libcuda.so.1")
        return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
    except OSError:
        return ctypes.util.find_library("amdhip64") is not None  # torch's ROCm builds call their device cuda too
