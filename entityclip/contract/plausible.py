"""Checks a Parquet footer before anything is read: a few bytes can promise more rows than any memory holds."""

from typing import Any

from entityclip.contract.errors import ContractError

ROWS_PER_BYTE = 16  # each row of a shard has an id of its own, which takes a byte or so, however it is compressed
_FEW = 1_000


def check_row_counts(metadata: Any, size: int) -> None:
    """Check the row counts of a shard's footer.

    Args:
        metadata: `pyarrow.parquet.FileMetaData`.
        size: bytes of the file.

    Raises:
        ContractError: the counts of row groups and columns contradict each other, or a file of this size cannot hold
            so many rows.
    """
    total = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        total += group.num_rows
        for column in range(group.num_columns):
            if (found := group.column(column).num_values) != group.num_rows:
                raise ContractError(
                    f"its footer is damaged: row group {number} has {group.num_rows:,} rows, but {found:,} values of "
                    f"{group.column(column).path_in_schema[:80]}"
                )
    if total != metadata.num_rows or not 0 <= total <= _FEW + ROWS_PER_BYTE * size:
        raise ContractError(
            f"its footer is damaged: it says {metadata.num_rows:,} rows, but its row groups have {total:,}, in "
            f"{size:,} bytes"
        )
