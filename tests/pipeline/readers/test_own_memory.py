"""Data of any size is read as a stream: twenty times as much takes no more memory, ids apart."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.own_data import HF_IMAGE

ROOT = Path(__file__).parents[3]
COUNT, BYTES = 600, 400_000  # 240 MB of images
ROWS = 200_000


def _csv(folder: Path) -> dict[str, Any]:
    with (folder / "p.csv").open("w") as file:
        file.write("id,image,caption\n")
        file.writelines(f"{n},{n % 50}.png,Ann {n} at Ascot {'and elsewhere ' * 20}\n" for n in range(ROWS))
    return {"kind": "csv", "file": "p.csv"}


def _parquet(folder: Path) -> dict[str, Any]:
    schema = pa.schema([("id", pa.string()), ("image", HF_IMAGE), ("caption", pa.string())])
    with pq.ParquetWriter(folder / "p.parquet", schema) as writer:
        for start in range(0, COUNT, 100):
            rows = [
                {"id": str(n), "image": {"bytes": os.urandom(BYTES)}, "caption": f"Ann {n}"}
                for n in range(start, start + 100)
            ]
            writer.write_table(pa.Table.from_pylist(rows, schema))
    return {"kind": "parquet", "file": "p.parquet"}


def _tar(folder: Path) -> dict[str, Any]:
    image = folder / "image"
    with tarfile.open(folder / "p.tar", "w") as file:
        for number in range(COUNT):
            image.write_bytes(os.urandom(BYTES))
            file.add(image, f"{number}.jpg")
            image.write_text(f"Ann {number}")
            file.add(image, f"{number}.txt")
    return {"kind": "webdataset", "file": "p.tar"}


@pytest.mark.slow
@pytest.mark.parametrize(("make", "most_mib"), [(_csv, 40), (_parquet, 150), (_tar, 40)])
def test_read_as_a_stream(make: Any, most_mib: int, tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from tests.support.own_data import own_manifest\n"
        "from pipeline.readers import read_pairs\n"
        "from tests.support.peak_memory import forget_peak, peak_mib\n"
        f"manifest = own_manifest(Path({str(tmp_path)!r}), {make(tmp_path)!r})\n"
        "before = forget_peak()\n"
        "count = sum(1 for _ in read_pairs(manifest))\n"
        "print(count, round(peak_mib() - before))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    count, mib = map(int, done.stdout.split())
    assert count == (ROWS if make is _csv else COUNT)
    assert mib < most_mib
