import pytest

from entityclip.contract import progress


def test_lines_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Rate and time left are of what follows the first unit: here 2 units a second."""
    times = iter([100.0, 103.0, 106.0, 109.0, 112.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
    with progress.Progress("images", "images", 41) as shown:
        for units in (5, 6, 6, 6, 6):
            shown.add(units)
    out, err = capsys.readouterr()
    assert not out
    assert err.splitlines() == [
        "images: 17/41 images, 2 images/s, 12 s left",
        "images: 29/41 images, 2 images/s, 6 s left",
    ]
