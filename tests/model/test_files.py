import json

import pytest

from model.files import folder_written_whole, write_json, written_whole


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
