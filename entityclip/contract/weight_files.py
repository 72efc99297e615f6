"""Checks model folders without loading them: Git LFS pointers, truncated files, and files that are no weights at all.

Only headers are read, so it takes milliseconds for a model of any size.
"""

import json
import math
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from entityclip.contract.errors import ContractError

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "tokenizer.model",
    "vocab.json",
)
AGAIN = "download the file again and compare its size with the hub's"
_POINTER = b"version https://git-lfs"
_INDICES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_WHOLE = ("model.safetensors", "pytorch_model.bin")
_OTHER = ("*.safetensors", "*.bin", "*.pt", "*.gguf")  # that vLLM loads as well
_MAX_HEADER = 100_000_000  # bytes, as in safetensors itself
_BYTES = {"BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2}
_BYTES |= {"I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8}


class TensorInfo(NamedTuple):
    """Data type (as in safetensors, such as BF16) and shape of a tensor."""

    dtype: str
    shape: tuple[int, ...]


def why_no_file(folder: Path, names: Iterable[str]) -> str | None:
    """Return what is wrong with those of the named files that exist: pointers, empty files, damaged JSON; or None."""
    for path in (folder / name for name in names):
        if not path.is_file():
            continue
        if (why := _why_no_content(path)) is not None:
            return why
        if path.suffix == ".json":
            try:
                json.loads(path.read_bytes())
            except (ValueError, RecursionError) as error:
                return f"{path} is damaged or incomplete: {error}; {AGAIN}"
    return None


def why_no_weights(folder: Path, *, other_formats: bool = False) -> str | None:
    """Return why a Hugging Face model folder has no complete weights, or None if nothing is wrong with the files.

    Args:
        other_formats: whether weights under other names count too, such as GGUF and `consolidated.safetensors`.
    """
    if (why := why_no_file(folder, ("config.json", "generation_config.json", *TOKENIZER_FILES))) is not None:
        return why
    try:
        found = weight_files(folder)
        if not found and other_formats:
            found = sorted(path for pattern in _OTHER for path in folder.glob(pattern))
        for path in found:
            check_weights(path)
    except ContractError as error:
        return str(error)
    if not found:
        return f"{folder} has no weights: none of {', '.join((*_WHOLE, *_INDICES))} is there; {AGAIN}"
    return None


def weight_files(folder: Path) -> list[Path]:
    """Return the weights that transformers would load from a model folder: one file, or those that an index names.

    Raises ContractError if the index cannot be read, or names files that are not there.
    """
    for whole, index in zip(_WHOLE, _INDICES, strict=True):
        if (folder / whole).is_file():
            return [folder / whole]
        if (folder / index).is_file():
            return _indexed(folder / index)
    return []


def check_weights(path: Path) -> None:
    """Raise ContractError if a file of weights is a Git LFS pointer, empty, truncated or no such file."""
    if path.suffix == ".safetensors":
        tensors_in(path)
        return
    if (why := _why_no_content(path)) is not None:
        raise ContractError(why)
    if path.suffix == ".bin":
        with path.open("rb") as file:
            start = file.read(2)
        if start == b"PK" and not zipfile.is_zipfile(path):
            raise ContractError(f"{path} is truncated (its end is missing); {AGAIN}")
        if start != b"PK" and start[:1] != b"\x80":  # torch's format before 1.6 begins with a pickle
            raise ContractError(f"{path} is no file of weights (it begins with {start!r}); {AGAIN}")


def tensors_in(path: Path) -> dict[str, TensorInfo]:
    """Return the tensors of a safetensors file by name, from its header.

    Raises ContractError if the file is a Git LFS pointer, empty, truncated or not in this format.
    """
    if (why := _why_no_content(path)) is not None:
        raise ContractError(why)
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > _MAX_HEADER:
            raise ContractError(f"{path} is no safetensors file; {AGAIN}")
        header = file.read(length)
    if len(header) < length:
        raise ContractError(
            f"{path} is truncated: its header has {length:,} bytes, but {len(header):,} are there; {AGAIN}"
        )
    try:
        entries = json.loads(header)
        entries.pop("__metadata__", None)
        end = max((entry["data_offsets"][1] for entry in entries.values()), default=0)
        found = {name: _info(name, entry) for name, entry in entries.items()}
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError) as error:
        raise ContractError(f"{path} is no safetensors file, or its header is damaged ({error}); {AGAIN}") from error
    if size != 8 + length + end:
        what = "truncated" if size < 8 + length + end else "damaged"
        raise ContractError(f"{path} is {what}: it should have {8 + length + end:,} bytes, but has {size:,}; {AGAIN}")
    return found


def _info(name: str, entry: dict[str, Any]) -> TensorInfo:
    info = TensorInfo(str(entry["dtype"]), tuple(int(size) for size in entry["shape"]))
    first, last = entry["data_offsets"]
    if info.dtype in _BYTES and last - first != _BYTES[info.dtype] * math.prod(info.shape):
        raise ValueError(f"the size of tensor {name} is not that of its shape")
    return info


def _indexed(index: Path) -> list[Path]:
    if (why := why_no_file(index.parent, (index.name,))) is not None:
        raise ContractError(why)
    try:
        names = sorted(set(json.loads(index.read_bytes())["weight_map"].values()))
        files = [index.parent / name for name in names]
    except (KeyError, TypeError, AttributeError) as error:
        raise ContractError(f"{index} has no usable weight_map; {AGAIN}") from error
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        some = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise ContractError(
            f"{index} names {len(files)} files, and {len(missing)} of them are missing: {some}; download them"
        )
    return files


def _why_no_content(path: Path) -> str | None:
    with path.open("rb") as file:
        start = file.read(len(_POINTER))
    if start == _POINTER:
        return (
            f"{path} is a Git LFS pointer, not the file itself; run `git lfs pull` in the folder's repository, or "
            "download the file from the hub"
        )
    return None if start else f"{path} is empty; {AGAIN}"
