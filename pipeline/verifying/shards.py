"""Verifies one shard: digest, size, footer, every page, and every row."""

import hashlib
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from entityclip.contract.errors import ContractError
from entityclip.contract.receipts import ShardReceipt
from entityclip.contract.schema import SCHEMA, SCHEMA_VERSION, provenance_of
from pipeline.files.storage import Storage
from pipeline.files.visible_text import visible
from pipeline.shards.footers import UNREADABLE, Fault, check_plausible, differs, misplaced, why_unreadable
from pipeline.shards.shard import ShardFile, shard_place
from pipeline.verifying.rows import COLUMNS, column_problem, plan_problems, row_problems

_CHUNK = 1 << 22  # bytes


class ShardVerdict(NamedTuple):
    """The result for one shard: its rows (0 if unreadable), what its footer says, and what is wrong."""

    name: str
    rows: int = 0
    dataset: str | None = None
    prompt: str | None = None
    is_packed: bool = False
    fault: Fault | None = None


def verify_shard(
    storage: Storage, file: ShardFile, receipt: ShardReceipt | None, planned: pa.Table | None
) -> ShardVerdict:
    """Verify a shard against its receipt and the planned pairs of its bucket; either may be unknown (None).

    Raises:
        PermissionError: the file may not be read.
    """
    rows, dataset, is_packed, prompt = 0, None, False, None
    try:
        found = _digest(storage, file.name)
        with storage.open(file.name) as opened, pq.ParquetFile(opened) as parquet:
            made = provenance_of(parquet.schema_arrow)
            check_plausible(parquet, opened.size())
            dataset, is_packed, rows = made.get("dataset"), "packed" in made, parquet.metadata.num_rows
            prompt = (made.get("prompt") or {}).get("name")
            fault = _fault(file, receipt, found, made)
            if fault is None:
                fault = _content_fault(parquet, file, made, receipt, planned)
    except PermissionError:
        raise
    except ContractError as error:
        fault = Fault(file.name, f"is no shard: {visible(str(error), 150)}")
    except UNREADABLE as error:
        fault = Fault(file.name, why_unreadable(error))
    return ShardVerdict(file.name, rows, dataset, prompt, is_packed, fault)


def _digest(storage: Storage, name: str) -> str:
    found = hashlib.sha256()
    with storage.open(name) as opened:
        while chunk := opened.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def _fault(file: ShardFile, receipt: ShardReceipt | None, found: str, made: dict[str, object]) -> Fault | None:
    if (fault := misplaced(file.name, made)) is not None:
        return fault
    if (version := made.get("schema_version")) != SCHEMA_VERSION:
        return Fault(file.name, f"has schema version {version}; this program verifies version {SCHEMA_VERSION}")
    if receipt is not None and file.size != receipt.size:
        return Fault(file.name, f"has {file.size:,} bytes, but its receipt says {receipt.size:,}")
    if receipt is not None and found != receipt.sha256:
        return Fault(file.name, differs(found, receipt.sha256))
    return None


def _content_fault(
    parquet: pq.ParquetFile,
    file: ShardFile,
    made: dict[str, object],
    receipt: ShardReceipt | None,
    planned: pa.Table | None,
) -> Fault | None:
    if missing := [name for name in SCHEMA.names if name not in parquet.schema_arrow.names]:
        return Fault(file.name, f"lacks the columns {', '.join(missing)}")
    # with the right digest, the large column of packed images is what was written
    columns = [name if name != "image" else "image.path" for name in COLUMNS] if receipt is not None else None
    table = parquet.read(columns, use_threads=False)
    table.validate(full=True)
    if (why := column_problem(table)) is not None:
        return Fault(file.name, why)
    counts = {entry["values"]: entry["counts"] for entry in table["status"].value_counts().to_pylist()}
    for source, recorded in (("footer", made.get("counts")), ("receipt", receipt and receipt.statuses)):
        if isinstance(recorded, dict) and recorded != counts:
            return Fault(file.name, f"has the statuses {counts}, but its {source} says {recorded}")
    place = shard_place(file.name)
    assert place is not None
    problems = list(row_problems(table, *place))
    if planned is not None:
        problems += plan_problems(table, planned)
    return Fault(file.name, f"holds {'; '.join(problems)}") if problems else None
