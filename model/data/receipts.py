"""Checks that a split's explanations are complete and unchanged, using the receipts next to the shards.

`FOLDER/_receipts/bucket-00003.json` lists the shards of bucket 3, at most one per split, with their digests and
row counts, and the number of planned pairs left for a later run (docs/parquet_schema.md).
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from entityclip.contract.digests import digest
from entityclip.contract.errors import ContractError
from entityclip.contract.receipts import RECEIPTS, BucketReceipt, ReceiptVersionError, ShardReceipt, parse_receipt
from entityclip.contract.schema import SCHEMA_VERSION
from model.errors import ModelError

_SHARD = re.compile(r"part-(\d+)-of-(\d+)\.parquet")
_NAMED = 3  # shards listed in a message


class Shards(NamedTuple):
    """The checked shards of a split.

    Attributes:
        digests: SHA-256 of each shard, by path relative to the folder, sorted by path.
        receipts: each shard's entry in its bucket's receipt; shards of an unfinished bucket have none.
        gaps: descriptions of missing explanations; empty if complete.
    """

    digests: dict[str, str]
    receipts: dict[str, ShardReceipt]
    gaps: tuple[str, ...]


def how_to_make(dataset: str | None = None) -> str:
    """Return the command that generates explanations, for use at the end of error messages."""
    of = f" (the manifest of dataset {dataset!r})" if dataset else ""
    return f"entityclip generate MANIFEST{of}"


def no_shards(folder: Path, split: str) -> str:
    """Return the error message for a split without shards in `folder`."""
    make = f"generate them with: {how_to_make()}"
    if not folder.is_dir():
        return f"no explanations at {folder}; {make}"
    splits = sorted(p.name.removeprefix("split=") for p in folder.glob("split=*") if any(p.glob("part-*.parquet")))
    if splits:
        make += "; if the data has no such split, name another one in data.splits"
        make += ", or set data.splits.val to null to train without validation" if split == "val" else ""
    return f"{folder} has no shards of split {split!r} (splits found: {', '.join(splits) or 'none'}); {make}"


def check_shards(
    folder: Path, split: str, paths: Iterable[Path], *, dataset: str | None = None, allow_partial: bool = False
) -> Shards:
    """Hash the shards of a split (`paths`), and compare them with the receipts in the folder.

    Args:
        dataset: the dataset's name, for messages.
        allow_partial: do not raise for missing explanations (unfinished buckets, pairs left for a later run, absent
            shards), but describe them in `gaps`. Existing shards are still checked.

    Raises ModelError for missing explanations (unless `allow_partial`), a shard that differs from its receipt or is not
    listed in its bucket's receipt, and receipts that are unreadable or belong to different datasets.
    """
    receipts = _read_receipts(folder)
    there = {str(path.relative_to(folder)): path for path in sorted(paths)}
    listed = {name: shard for receipt in receipts.values() for name, shard in receipt.shards.items()}
    listed = {name: shard for name, shard in listed.items() if name.startswith(f"split={split}/")}
    for name in there.keys() - listed.keys():
        _check_unlisted(folder / name, receipts)
    gaps = tuple(_gaps(receipts, sorted(listed.keys() - there.keys())))
    if gaps and not allow_partial:
        raise ModelError(
            f"the explanations in {folder} are incomplete: {'; '.join(gaps)}. Generate the missing ones with: "
            f"{how_to_make(dataset)}. To use the incomplete explanations, pass --allow-partial"
        )
    digests = _digests(there)
    for name, found in digests.items():
        if name in listed and listed[name].sha256 != found:
            raise ModelError(
                f"{folder / name} does not match its receipt: its SHA-256 is {found}, but the receipt has "
                f"{listed[name].sha256}; delete it and generate it again with: {how_to_make(dataset)}"
            )
    return Shards(digests, {name: shard for name, shard in listed.items() if name in there}, gaps)


def _read_receipts(folder: Path) -> dict[int, BucketReceipt]:
    """Return all receipts by bucket number."""
    receipts: dict[int, BucketReceipt] = {}
    for path in sorted((folder / RECEIPTS).glob("bucket-*.json")):
        receipt = _read(path)
        if receipt.schema_version != SCHEMA_VERSION:
            raise ModelError(
                f"{path} lists shards of schema version {receipt.schema_version}, but this program reads version "
                f"{SCHEMA_VERSION}; generate them again in another folder with: {how_to_make(receipt.dataset)}"
            )
        first = next(iter(receipts.values()), receipt)
        if (receipt.dataset, receipt.num_buckets) != (first.dataset, first.num_buckets):
            raise ModelError(
                f"{path} belongs to dataset {receipt.dataset!r} with {receipt.num_buckets} buckets, but another "
                f"receipt there belongs to {first.dataset!r} with {first.num_buckets}; keep only one dataset per folder"
            )
        if f"{RECEIPTS}/{path.name}" != receipt.name or receipt.bucket >= receipt.num_buckets:
            raise ModelError(
                f"{path} records bucket {receipt.bucket} of {receipt.num_buckets}, which does not match its file name; "
                f"{_again(path, receipt)}"
            )
        receipts[receipt.bucket] = receipt
    return receipts


def _read(path: Path) -> BucketReceipt:
    try:
        return parse_receipt(path.read_bytes())
    except ReceiptVersionError as error:
        raise ModelError(f"{path}: {error}") from error
    except ContractError as error:
        raise ModelError(f"{path}: {error}; {_again(path)}") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error}); {_again(path)}") from error


def _again(path: Path, receipt: BucketReceipt | None = None) -> str:
    return f"delete {path.name} and generate it again with: {how_to_make(receipt.dataset if receipt else None)}"


def _check_unlisted(path: Path, receipts: dict[int, BucketReceipt]) -> None:
    """Raise ModelError for a shard that no receipt lists, unless its bucket is unfinished."""
    if not receipts:
        return
    first = next(iter(receipts.values()))
    name = _SHARD.fullmatch(path.name)
    if name is None or int(name[2]) != first.num_buckets:
        raise ModelError(f"{path} does not belong to this dataset of {first.num_buckets} buckets; delete it")
    if int(name[1]) in receipts:
        raise ModelError(
            f"{path} is not listed in the receipt of bucket {int(name[1])}; delete it, "
            f"or generate the bucket again with: {how_to_make(first.dataset)}"
        )


def _gaps(receipts: dict[int, BucketReceipt], lost: list[str]) -> Iterable[str]:
    if not receipts:
        yield f"{RECEIPTS} has no receipts, so missing shards cannot be detected"
        return
    wanted = next(iter(receipts.values())).num_buckets
    if len(receipts) < wanted:
        yield f"{len(receipts)} of {wanted} buckets are finished"
    if pending := sum(receipt.pending for receipt in receipts.values()):
        yield f"{pending:,} planned pairs were left for a later run"
    if lost:
        more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
        yield f"missing shards: {', '.join(lost[:_NAMED])}{more}"


def _digests(there: dict[str, Path]) -> dict[str, str]:
    digests = {}
    size = sum(path.stat().st_size for path in there.values())
    how: dict[str, Any] = {"unit": "B", "unit_scale": True, "delay": 3, "disable": None, "leave": False}
    with tqdm(total=size, desc="checking shards", **how) as bar:
        for name, path in there.items():
            digests[name] = digest(path)
            bar.update(path.stat().st_size)
    return digests
