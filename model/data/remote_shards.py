"""Local copies of explanation shards at a URL (s3://, gs://, any fsspec scheme), updated when the originals change.

Training reads every shard in every epoch in random order and checks its digest, which is fast only on a local disk.
Packed shards (`entityclip pack`) include their images.
"""

import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.fs as pa_fs
from filelock import FileLock
from pydantic import TypeAdapter
from tqdm import tqdm

from entityclip.contract.atomic_files import write_json, written_whole
from entityclip.contract.errors import ContractError
from entityclip.contract.file_systems import open_file_system
from entityclip.contract.locations import is_url
from entityclip.contract.own_json import check_shape, read_object
from entityclip.contract.receipts import RECEIPTS
from model.errors import ModelError

CACHE = "ENTITYCLIP_CACHE"  # environment variable that names the folder for all copies
_WANTED = re.compile(rf"split=[^/]+/part-[^/]+\.parquet|{RECEIPTS}/bucket-[^/]+\.json")
_SEEN, _LOCK = "copied.json", "lock"
_Stamp = tuple[int, int]  # size, modification time in nanoseconds
_COPIED = TypeAdapter(dict[str, _Stamp])


def local_shards(location: Path | str) -> Path:
    """Return the folder to read shards from: `location` itself, or the local copy of a URL."""
    return local_copy(location) if isinstance(location, str) and is_url(location) else Path(location)


def local_copy(url: str) -> Path:
    """Copy or update the shards and receipts at a URL, and return the folder of the copy.

    The URL may contain an endpoint and a region; credentials come from the environment only. Copies are stored below
    `$ENTITYCLIP_CACHE`, by default `~/.cache/entityclip`, in one folder per URL. A file is copied again if its size or
    modification time has changed, and removed if the original is gone. A lock serialises processes on this machine.

    Raises ModelError for credentials in the URL, an unreachable location, and a location without shards.
    """
    try:
        filesystem, root = open_file_system(url)
    except ContractError as error:
        raise ModelError(f"data.explanations: {error}") from error
    cache = Path(os.environ.get(CACHE) or Path.home() / ".cache" / "entityclip")
    folder = cache / "shards" / hashlib.sha256(url.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / _LOCK):
        try:
            remote = _listed(filesystem, root.rstrip("/"))
            if not any(name.endswith(".parquet") for name in remote):
                raise ModelError(f"{url} has no explanation shards; expected files named split=SPLIT/part-*.parquet")
            _bring_up_to_date(filesystem, root.rstrip("/"), remote, folder, url)
        except ModelError:
            raise
        except (OSError, ValueError) as error:  # ArrowInvalid is a ValueError
            raise ModelError(f"{url} cannot be read: {error}") from error
    return folder


def _listed(filesystem: pa_fs.FileSystem, root: str) -> dict[str, _Stamp]:
    """Return the size and modification time of each shard and receipt, by path relative to the root."""
    selector = pa_fs.FileSelector(root, recursive=True, allow_not_found=True)
    found = {
        info.path.removeprefix(f"{root}/"): (info.size, info.mtime_ns or 0)
        for info in filesystem.get_file_info(selector)
        if info.type == pa_fs.FileType.File
    }
    return {name: stamp for name, stamp in sorted(found.items()) if _WANTED.fullmatch(name)}


def _bring_up_to_date(
    filesystem: pa_fs.FileSystem, root: str, remote: dict[str, _Stamp], folder: Path, url: str
) -> None:
    copied = _copied_before(folder)
    for name in copied.keys() - remote.keys():
        (folder / name).unlink(missing_ok=True)
    copied = {name: stamp for name, stamp in copied.items() if name in remote and (folder / name).is_file()}
    missing = [name for name, stamp in remote.items() if copied.get(name) != stamp]
    how: dict[str, Any] = {"desc": f"copying {url.partition('?')[0]}", "unit": "B", "unit_scale": True, "disable": None}
    try:
        with tqdm(total=sum(remote[name][0] for name in missing), **how) as bar:
            for name in missing:
                with (
                    filesystem.open_input_stream(f"{root}/{name}") as source,
                    written_whole(folder / name) as temporary,
                    temporary.open("wb") as target,
                ):
                    while chunk := source.read(4 << 20):
                        target.write(chunk)
                        bar.update(len(chunk))
                copied[name] = remote[name]
    finally:
        write_json(folder / _SEEN, copied)


def _copied_before(folder: Path) -> dict[str, _Stamp]:
    with suppress(FileNotFoundError, ContractError):  # damaged: everything is copied again
        found = read_object(folder / _SEEN)
        check_shape(found, _COPIED)
        return {name: (size, when) for name, (size, when) in found.items() if _WANTED.fullmatch(name)}
    return {}
