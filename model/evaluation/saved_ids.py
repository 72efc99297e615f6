"""Ids that `evaluate` saves beside the embeddings of a split."""

from pathlib import Path

from entityclip.contract.errors import ContractError
from entityclip.contract.own_json import check_shape, parse_json
from model import record_shapes
from model.errors import ModelError


def read_ids(run: Path, split: str) -> list[str]:
    """Return the ids of the embedded pairs in order. Raises ModelError if they are missing or damaged."""
    path = run / f"{split}_ids.json"
    try:
        ids: list[str] = parse_json(path.read_bytes())
        check_shape(ids, record_shapes.IDS)
    except (OSError, ContractError) as error:
        again = f"entityclip evaluate {run} --split {split}"
        raise ModelError(f"{path} cannot be read ({error}); recreate it with: {again}") from error
    return ids
