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


def test_a_standstill_shows_in_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two units the rate is that up to now, not up to the last unit."""
    times = iter([100.0, 101.0, 101.0, 110.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
    shown = progress.Progress("generate", "rows", 50)
    for _ in range(2):
        shown.add(10, tokens=400)
    assert str(shown) == "20/50 rows, 10 rows/s, 400 tokens/s, 3 s left"
    assert str(shown) == "20/50 rows, 1 rows/s, 40 tokens/s, 30 s left"
