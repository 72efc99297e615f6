import json
import os
import resource
import subprocess
from contextlib import contextmanager

import pytest
import torch
from safetensors.torch import save_file

from entityclip.contract.atomic_files import folder_written_whole, remove_leftovers, write_json, written_whole


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), written_whole(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(ValueError):
        write_json(path, {"loss": float("nan")})
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    write_json(path, {"name": "Žižka"})
    assert json.loads(path.read_text(encoding="utf-8")) == {"name": "Žižka"}


def test_temporary_names_are_a_writers_own_and_go_with_it(tmp_path):
    path = tmp_path / "a.txt"
    with written_whole(path) as first, written_whole(path) as second:
        assert first != second and len(os.fsencode(first.name)) <= 255
        first.write_text("1")
        second.write_text("2")
        remove_leftovers(tmp_path)
        assert first.exists() and second.exists()  # their writer is alive
    assert path.read_text() == "1" and list(tmp_path.iterdir()) == [path]
    dead = subprocess.Popen(["true"])
    dead.wait()
    name = first.name.replace(f"-{os.getpid()}-", f"-{dead.pid}-")
    other_machine = name.replace(name.split(".")[-2][:8], "0" * 8)
    for left in (name, other_machine):
        (tmp_path / left).write_text("half")
    remove_leftovers(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"a.txt", other_machine}
    with written_whole(tmp_path / ("x" * 250)) as long:
        long.write_text("a long name")


@contextmanager
def full_disk():
    """Files of this process can be no longer than 1 KiB: the error comes from the same calls as a full disk's.

    Not longer than need be: pytest's own output may go to a file.
    """
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_is_an_error_that_says_where(tmp_path):
    folder, path, weights = tmp_path / "checkpoint", tmp_path / "a.safetensors", {"weights": torch.zeros(10_000)}
    too_large = pytest.raises(OSError, match=r"File too large.*checkpoint'$")
    with full_disk(), too_large, folder_written_whole(folder) as new:
        (new / "a").write_bytes(b"a" * 2000)
    too_large = pytest.raises(OSError, match=r"checkpoint cannot be written: .*too large")
    with full_disk(), too_large, folder_written_whole(folder) as new:
        save_file(weights, new / "model.safetensors")
    too_large = pytest.raises(OSError, match=r"a\.safetensors cannot be written: .*too large")
    with full_disk(), too_large, written_whole(path) as new:
        save_file(weights, new)
    assert not list(tmp_path.iterdir())


def test_a_folder_is_replaced_whole(tmp_path):
    folder = tmp_path / "checkpoint"
    with folder_written_whole(folder) as new:
        (new / "a").write_text("1")
        (new / "b").write_text("1")
    with pytest.raises(RuntimeError), folder_written_whole(folder) as new:
        (new / "a").write_text("2")
        raise RuntimeError
    assert (folder / "a").read_text() == "1"
    with folder_written_whole(folder) as new:
        (new / "a").write_text("3")
    assert [p.name for p in folder.iterdir()] == ["a"] and [p.name for p in tmp_path.iterdir()] == ["checkpoint"]
