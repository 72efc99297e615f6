from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def beside_a_users_own_model_py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes are started where Python would take another `model` for ours, as a user's folder may hold one."""
    (tmp_path / "model.py").write_text('raise SystemExit("a module of the user")')
    monkeypatch.chdir(tmp_path)
