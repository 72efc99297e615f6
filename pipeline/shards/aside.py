"""Moves damaged files out of an output, so that they are made again and nothing is lost."""

from pipeline.files.storage import Storage

ASIDE = "_damaged"  # readers of datasets skip folders whose names start with an underscore


def set_aside(storage: Storage, name: str) -> str:
    """Move a file to the folder `_damaged` of its output; return its new name.

    An earlier file of that name is kept: the new one gets a number. Raises OSError if the file cannot be moved.
    """
    target, number = f"{ASIDE}/{name}", 0
    while _exists(storage, target):
        number += 1
        target = f"{ASIDE}/{name}.{number}"
    storage.move(name, target)
    return target


def _exists(storage: Storage, name: str) -> bool:
    try:
        storage.open(name).close()
    except FileNotFoundError:
        return False
    return True
