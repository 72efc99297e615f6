"""Verifies a whole output: receipts, shards, stray files, and whether every planned pair has its row."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from entityclip.contract.errors import ContractError
from entityclip.contract.locations import is_url
from entityclip.contract.progress import Progress
from entityclip.contract.receipts import RECEIPTS, BucketReceipt, parse_receipt, receipt_name
from entityclip.contract.schema import SCHEMA_VERSION
from pipeline.errors import PipelineError
from pipeline.files.storage import Storage, open_storage
from pipeline.files.visible_text import visible
from pipeline.generation.prepare import strays
from pipeline.job import Job
from pipeline.plan.plan import PlannedBucket
from pipeline.shards.footers import Fault
from pipeline.shards.shard import ShardFile, list_shards
from pipeline.verifying.plans import LeftPlans, NoPlans, Plans, planned_anew
from pipeline.verifying.shards import ShardVerdict, verify_shard

_THREADS = 8


@dataclass
class Verification:
    """The result of verifying an output.

    Attributes:
        kind: how the shards were made: `generated`, `imported` or `packed`.
        num_shards: number of buckets; None if the output has neither shards nor receipts.
        receipts: the readable receipts, by bucket.
        rows: number of rows in readable shards.
        compared: number of buckets whose rows were compared with their plan.
        damaged: shards and receipts that are not what they should be.
        strays: Parquet files in split folders that are no shards of this output.
        missing: shards that a receipt lists, but that do not exist.
        unfinished: buckets without a receipt.
        outdated: buckets whose receipt is for another plan than the manifest's data and settings give today.
        pending: number of planned pairs left for a later run (`--limit`).
    """

    location: str
    kind: str = "generated"
    num_shards: int | None = None
    receipts: dict[int, BucketReceipt] = field(default_factory=dict)
    shards: int = 0
    rows: int = 0
    compared: int = 0
    damaged: list[Fault] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unfinished: list[int] = field(default_factory=list)
    outdated: list[int] = field(default_factory=list)
    pending: int = 0

    @property
    def recorded_rows(self) -> int:
        """Number of rows that the receipts record."""
        return sum(shard.rows for receipt in self.receipts.values() for shard in receipt.shards.values())

    @property
    def is_damaged(self) -> bool:
        """Whether anything is damaged, missing or stray."""
        return bool(self.damaged or self.strays or self.missing)

    @property
    def state(self) -> str:
        """`whole`, `partial` (only pairs beyond a `--limit` are left), `unfinished`, `outdated` or `damaged`."""
        if self.is_damaged:
            return "damaged"
        if self.unfinished:
            return "unfinished"
        if self.outdated:
            return "outdated"
        return "partial" if self.pending else "whole"

    def as_plain(self) -> dict[str, Any]:
        """Return the result as JSON-serialisable values."""
        return {
            "verify_version": 1,
            "location": self.location,
            "state": self.state,
            "kind": self.kind,
            "shards": self.shards,
            "rows": self.rows,
            "buckets": {
                "all": self.num_shards,
                "finished": len(self.receipts),
                "compared_with_plan": self.compared,
                "unfinished": self.unfinished,
                "outdated": self.outdated,
            },
            "pending_pairs": self.pending,
            "damaged": [{"file": f.name, "why": f.why, "belongs": f.belongs} for f in self.damaged],
            "strays": self.strays,
            "missing": self.missing,
        }


def verify(location: Path | str, job: Job | None = None) -> Verification:
    """Read and verify everything at a location: a folder or URL of explanations, generated, imported or packed.

    Rows are compared with the plan that generation left beside the shards or, if `job` is given, with a plan made anew
    from its manifest. Changes nothing.

    Raises:
        PipelineError: the location has neither shards nor receipts, or planning failed.
    """
    storage = open_storage(location)
    files = list_shards(storage)
    found = Verification(str(location))
    found.num_shards = _count(storage, files, job)
    if found.num_shards is None:
        raise PipelineError(f"{visible(str(location))} has no explanations (split=*/part-*.parquet) to verify")
    _read_receipts(storage, found)
    found.strays = strays(storage, found.num_shards)
    own = [file for file in files if file.name not in set(found.strays)]
    left: Plans = NoPlans() if is_url(str(location)) else LeftPlans(Path(location))
    with (
        nullcontext(left) if job is None else planned_anew(job, found.recorded_rows if found.pending else None) as plans
    ):
        _verify_shards(storage, own, plans, found, anew=job is not None)
    names = {file.name for file in own}
    listed = {name for receipt in found.receipts.values() for name in receipt.shards}
    found.missing = sorted(listed - names)
    spoiled = {fault.name for fault in found.damaged}
    for file in own:
        receipt = found.receipts.get(file.number)
        if receipt is not None and file.name not in receipt.shards and file.name not in spoiled:
            found.damaged.append(Fault(file.name, "is not listed in the receipt of its bucket"))
    found.damaged += [Fault(name, "is a folder, not a file") for name in storage.folders_named_like_files()]
    spoiled |= {fault.name for fault in found.damaged}
    found.missing = [name for name in found.missing if name not in spoiled]
    found.damaged.sort(key=lambda fault: fault.name)
    return found


def _count(storage: Storage, files: list[ShardFile], job: Job | None) -> int | None:
    """Return the number of buckets: the manifest's, or that of most receipts and shards."""
    if job is not None:
        return job.manifest.num_shards if files or storage.names(RECEIPTS) else None
    votes = Counter(file.num_shards for file in files)
    for name in storage.names(RECEIPTS):
        with suppress(ContractError):
            votes[parse_receipt(storage.read(name)).num_buckets] += len(files) + 1  # receipts know better than names
    return votes.most_common(1)[0][0] if votes else None


def _receipt(storage: Storage, bucket: int) -> BucketReceipt | Fault | None:
    name = receipt_name(bucket)
    try:
        receipt = parse_receipt(storage.read(name))
    except FileNotFoundError:
        return None
    except PermissionError:
        raise
    except (ContractError, OSError) as error:  # OSError: a folder in its place
        return Fault(name, f"is no valid receipt: {visible(str(error), 150)}")
    if receipt.bucket != bucket:
        return Fault(name, f"is the receipt of bucket {receipt.bucket}")
    if receipt.schema_version != SCHEMA_VERSION:
        return Fault(name, f"lists shards of schema version {receipt.schema_version}, not {SCHEMA_VERSION}")
    return receipt


def _read_receipts(storage: Storage, found: Verification) -> None:
    assert found.num_shards is not None
    with ThreadPoolExecutor(_THREADS) as pool:
        for bucket, receipt in enumerate(pool.map(lambda n: _receipt(storage, n), range(found.num_shards))):
            if isinstance(receipt, BucketReceipt) and receipt.num_buckets != found.num_shards:
                receipt = Fault(receipt.name, f"is of {receipt.num_buckets} buckets, not of {found.num_shards}")
            if isinstance(receipt, Fault):
                found.damaged.append(receipt)
            elif receipt is None:
                found.unfinished.append(bucket)
            else:
                found.receipts[bucket] = receipt
    found.pending = sum(receipt.pending for receipt in found.receipts.values())


def _verify_shards(storage: Storage, files: list[ShardFile], plans: Plans, found: Verification, *, anew: bool) -> None:
    by_bucket: dict[int, list[ShardFile]] = {}
    for file in files:
        by_bucket.setdefault(file.number, []).append(file)

    def bucket_verdicts(bucket: int) -> tuple[str, list[ShardVerdict]]:
        receipt, planned = found.receipts.get(bucket), plans.bucket(bucket)
        how, pairs = _how_planned(receipt, planned, anew=anew)
        verdicts = []
        for file in by_bucket.get(bucket, []):
            entry = receipt.shards.get(file.name) if receipt is not None else None
            split = file.name.partition("/")[0].removeprefix("split=")
            wanted = None if pairs is None else pairs.filter(pc.equal(pairs["split"], split))
            verdicts.append(verify_shard(storage, file, entry, wanted))
            progress.add()
        if pairs is not None and receipt is not None and not any(verdict.fault for verdict in verdicts):
            lacking = len(pairs) - receipt.pending - sum(verdict.rows for verdict in verdicts)
            if lacking and receipt.shards.keys() <= {file.name for file in by_bucket.get(bucket, [])}:
                why = f"records {receipt.pending:,} pending pairs, but {lacking + receipt.pending:,} have no row"
                verdicts.append(ShardVerdict(receipt.name, fault=Fault(receipt.name, why)))
        return how, verdicts

    assert found.num_shards is not None
    verdicts: list[ShardVerdict] = []
    progress = Progress("verify", "shards", len(files))
    with progress, ThreadPoolExecutor(_THREADS) as pool:
        for bucket, (how, of_bucket) in enumerate(pool.map(bucket_verdicts, range(found.num_shards))):
            verdicts += of_bucket
            found.compared += how == "compared"
            if how == "outdated":
                found.outdated.append(bucket)
    found.shards, found.rows = len(files), sum(verdict.rows for verdict in verdicts if verdict.fault is None)
    found.damaged += [verdict.fault for verdict in verdicts if verdict.fault is not None]
    found.damaged += _foreign(verdicts, found)
    if any(verdict.is_packed for verdict in verdicts):
        found.kind = "packed"
    elif any(verdict.prompt == "imported" for verdict in verdicts):
        found.kind = "imported"
    if found.kind != "generated":  # a manifest's plan is that of generation
        found.outdated = []


def _how_planned(
    receipt: BucketReceipt | None, planned: PlannedBucket | None, *, anew: bool
) -> tuple[str, pa.Table | None]:
    """Return "compared" and the planned pairs if the receipt is for this plan, else "outdated" or "unknown"."""
    if receipt is None or planned is None:
        return "unknown", None
    if receipt.plan == planned.digest:
        return "compared", planned.table
    return ("outdated" if anew else "unknown"), None


def _foreign(verdicts: list[ShardVerdict], found: Verification) -> list[Fault]:
    """Report shards and receipts of another dataset than most."""
    datasets = Counter(verdict.dataset for verdict in verdicts if verdict.dataset is not None)
    datasets.update(receipt.dataset for receipt in found.receipts.values())
    if len(datasets) < 2:
        return []
    own = datasets.most_common(1)[0][0]
    named = [(verdict.name, verdict.dataset) for verdict in verdicts if verdict.fault is None]
    named += [(receipt.name, receipt.dataset) for receipt in found.receipts.values()]
    return [
        Fault(name, f"belongs to dataset {visible(repr(of), 80)}, not to {own!r}")
        for name, of in named
        if of not in (own, None)
    ]
