"""What a person at a terminal sees while a command is silent."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

# Silent until a key is pressed: at the start, in a step with a name, and after output.
_COMMAND = """
import sys
from flows.display.waiting import announce, show_waiting, stop_waiting
show_waiting()
sys.stdin.readline()
announce("loading torch")
sys.stdin.readline()
print("loaded")
sys.stdin.readline()
stop_waiting() if sys.argv[1] == "stops" else None
print("bye")
"""


class _Terminal:
    def __init__(self, *arguments: str) -> None:
        self._master, slave = pty.openpty()
        command = [sys.executable, "-c", _COMMAND, *arguments]
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, close_fds=True)
        os.close(slave)
        self.seen = b""

    def read_until(self, words: bytes) -> None:
        while words not in self.seen:
            self.seen += os.read(self._master, 4096)

    def press_return(self) -> None:
        self.seen = b""
        os.write(self._master, b"\n")

    def rest(self) -> bytes:
        try:
            while data := os.read(self._master, 4096):
                self.seen += data
        except OSError:  # Linux's end of a terminal
            pass
        return self.seen

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)


@pytest.fixture(params=["stops", "ends"])
def terminal(request: pytest.FixtureRequest) -> Iterator[_Terminal]:
    terminal = _Terminal(request.param)
    yield terminal
    terminal.close()


def test_silence_is_named_and_counted_and_cleared(terminal: _Terminal) -> None:
    terminal.read_until(b"starting, 1 s")
    terminal.press_return()
    terminal.read_until(b"loading torch, 2 s")
    terminal.press_return()
    terminal.read_until(b"working, 5 s")
    assert b"\r\x1b[Kloaded\r\n" in terminal.seen, "the line of the silence is cleared before the output"
    (watcher,) = psutil.Process(terminal.process.pid).children()
    terminal.press_return()
    assert b"\r\x1b[Kbye\r\n" in terminal.rest()
    assert terminal.process.wait() == 0 and not watcher.is_running()


@pytest.mark.parametrize("terminal", ["ends"], indirect=True)
def test_a_killed_command_takes_the_process_with_it(terminal: _Terminal) -> None:
    terminal.read_until(b"starting, ")
    (watcher,) = psutil.Process(terminal.process.pid).children()
    terminal.process.kill()
    watcher.wait()


def test_nothing_is_started_without_a_terminal() -> None:
    code = "from flows.display import waiting; waiting.show_waiting(); print(waiting._process)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("None\n", "")
