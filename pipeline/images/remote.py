"""Downloads a dataset's images to the local image root before they are checked, sent to the LLM or used in training."""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.fs as pa_fs

from entityclip.contract.atomic_files import own_name
from entityclip.contract.locations import is_url
from pipeline.errors import PipelineError
from pipeline.files.locations import open_file_system
from pipeline.images.store import LARGEST
from pipeline.manifest.manifest import Manifest
from pipeline.pair import Pair

_THREADS = 16
_ATTEMPTS = 3
_AT_ONCE = 256
_CHUNK = 2**20


def fetch_images(manifest: Manifest, images: Iterable[str]) -> None:
    """Download the images that are missing locally; do nothing if the dataset's root is local.

    An image that does not exist on the server is not an error here; it is reported later in the status of its row.
    Raises PipelineError if the server cannot be reached or refuses the request.
    """
    url = manifest.dataset_root
    if url is None or not is_url(url):
        return
    root = manifest.image_root
    filesystem, path = open_file_system(url, "dataset.root")

    def fetch(image: str) -> None:
        _fetch(filesystem, f"{path.rstrip('/')}/{image}", root / image)

    stream = iter(images)
    with ThreadPoolExecutor(_THREADS) as pool:
        while batch := set(islice(stream, _AT_ONCE)):
            # `isfile`, unlike `Path.is_file`, returns False for a name that is too long
            missing = sorted(i for i in batch if _is_below(i) and not os.path.isfile(root / i))  # noqa: PTH113
            list(pool.map(fetch, missing))  # raises the first error


def with_images(pairs: Iterable[Pair], manifest: Manifest) -> Iterator[Pair]:
    """Yield the pairs, downloading missing images for one batch of pairs at a time."""
    stream = iter(pairs)
    while batch := list(islice(stream, _AT_ONCE)):
        fetch_images(manifest, [pair.image for pair in batch])
        yield from batch


def _is_below(image: str) -> bool:
    path = PurePosixPath(image)
    return (
        bool(image) and "://" not in image and not path.is_absolute() and ".." not in path.parts and "\0" not in image
    )


def _fetch(filesystem: pa_fs.FileSystem, source: str, target: Path) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        temporary = own_name(target)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with filesystem.open_input_stream(source) as stream, temporary.open("wb") as file:
                while chunk := stream.read(_CHUNK):
                    file.write(chunk)
                    if file.tell() > LARGEST:
                        return  # too large: leave the image missing
            temporary.replace(target)
            return
        except FileNotFoundError:
            return
        except (OSError, pa.ArrowException) as error:
            if attempt == _ATTEMPTS:
                raise PipelineError(f"dataset.root: {source} cannot be downloaded: {error}") from error
        finally:
            temporary.unlink(missing_ok=True)
