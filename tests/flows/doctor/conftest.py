from collections.abc import Callable
from pathlib import Path

import pytest

from flows.doctor import system_files

System = Callable[..., None]


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    """Writes files of another machine, by path, which is all that is seen of this one; "" makes a folder."""
    monkeypatch.setattr(system_files, "ROOT", tmp_path / "system")

    def write(files: dict[str, str]) -> None:
        for path, text in files.items():
            file = tmp_path / "system" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text) if text else file.mkdir()

    return write
