"""Reads and writes receipts in an output's storage."""

from dataclasses import replace

from entityclip.contract.errors import ContractError
from entityclip.contract.receipts import BucketReceipt, ReceiptVersionError, parse_receipt, receipt_name
from entityclip.contract.schema import SCHEMA_VERSION
from pipeline.errors import PipelineError
from pipeline.files.clock import now
from pipeline.files.storage import Storage


def read_receipt(storage: Storage, bucket: int) -> BucketReceipt | None:
    """Return a bucket's receipt. If it is missing, of another version or of another bucket, return None.

    Without a receipt, the bucket is brought up to date again.

    Raises:
        PipelineError: the file is not a receipt.
    """
    name = receipt_name(bucket)
    try:
        receipt = parse_receipt(storage.read(name))
    except (FileNotFoundError, ReceiptVersionError):
        return None
    except PermissionError:
        raise
    except (ContractError, OSError) as error:  # OSError: a folder in its place
        raise PipelineError(f"{name}: {error}; delete it and generate it again with: entityclip generate") from error
    return receipt if receipt.schema_version == SCHEMA_VERSION and receipt.bucket == bucket else None


def write_receipt(storage: Storage, receipt: BucketReceipt) -> None:
    """Store a receipt, dated with the current time."""
    dated = replace(receipt, finished_at=now())
    storage.write(dated.name, dated.as_json())
