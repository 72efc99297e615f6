"""Readers: every record of a dataset is read as it is, or is counted, or the dataset is refused by name."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.truth.columnar import hugging_face, parquet_file
from tests.fuzz.truth.files import NUMBERS
from tests.fuzz.truth.news import goodnews, n24news, visualnews
from tests.fuzz.truth.tables import csv_file, json_file
from tests.fuzz.truth.trees import folder_of_images, tar_file
from tests.fuzz.truth.truths import Written, check

WRITERS: dict[str, tuple[Callable[[Path, random.Random], Written], int]] = {
    "csv": (csv_file, 8),
    "jsonl": (json_file, 8),
    "parquet": (parquet_file, 8),
    "folder": (folder_of_images, 6),
    "webdataset": (tar_file, 6),
    "huggingface": (hugging_face, 1),
    "n24news": (n24news, 2),
    "visualnews": (visualnews, 2),
    "goodnews": (goodnews, 2),
}


class Readers:
    """Writes a dataset of a random kind in each case, and reads it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._choices = [name for name, (_, weight) in WRITERS.items() for _ in range(weight)]

    def case(self, rng: random.Random) -> str:
        """One case; raises Fault or whatever the readers raise."""
        name = rng.choice(self._choices)
        folder = self._folder / "data"
        folder.mkdir()
        try:
            outcome = check(folder, WRITERS[name][0](folder, rng), NUMBERS)
        finally:
            shutil.rmtree(folder)
        return f"{name}: {outcome}"
