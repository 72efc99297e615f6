"""What is said while training, by a clock that the test turns."""

import pytest

from entityclip.contract.progress import duration
from model.tracking.progress import Progress


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_rate_is_of_recent_steps_and_time_left_counts_validations(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    progress = Progress(1000, 32, clock=clock)
    with progress.aside("validating"):
        clock.now += 500  # the starting weights; happens once
    for step in range(1, 501):
        clock.now += 8 if step <= 100 else 0.5  # the first steps are slow
        progress.step(step, {"total": 2.0, "vtc": 1.5})
        if step % 100 == 0:
            with progress.aside("validating"):
                clock.now += 50
    # 599 steps of 0.5 s, and validations as so far: 4 x 50 s in 401 steps
    assert said(capsys)[-1] == "step 401/1000: total 2.000, vtc 1.500; 64 samples/s, 10 min left"


def test_a_resumed_run_counts_from_where_it_began(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    progress = Progress(100, 10, begins_at=90, clock=clock)
    for step in (91, 92):
        clock.now += 5
        progress.step(step, {"total": 1.0})
    assert said(capsys)[-1] == "step 92/100: total 1.000; 2 samples/s, 40 s left"


def test_a_week_is_no_flood_and_a_minute_no_silence(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    steps = 7 * 24 * 3600 // 2
    progress = Progress(steps, 512, clock=clock)
    for step in range(1, steps + 1):
        clock.now += 2
        progress.step(step, {"total": 1.0})
        if step == 30:
            assert 8 <= len(said(capsys)) <= 12
    lines = said(capsys)
    assert 800 < len(lines) < 1200
    middle = lines[len(lines) // 2]
    left = 2 * (steps - int(middle.removeprefix("step ").split("/")[0]))
    assert middle.endswith(f"256 samples/s, {left // 86400} d {left % 86400 / 3600:.0f} h left")
    assert lines[-1] == f"step {steps}: total 1.000"


def test_durations_are_for_people() -> None:
    pairs = {0: "0 s", 99: "99 s", 100: "2 min", 5900: "98 min", 11100: "3 h 05 min", 6 * 86400 + 4 * 3600: "6 d 4 h"}
    assert {seconds: duration(seconds) for seconds in pairs} == pairs
