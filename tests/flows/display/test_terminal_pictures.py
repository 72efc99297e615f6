"""Pictures as a terminal gets them, read back by the protocols' own rules."""

import io
import re
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image

from flows.display.terminal_pictures import Draw, half_blocks, iterm2, kitty, picture_drawer


def _noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def _same(png: bytes, picture: Image.Image) -> bool:
    found = Image.open(io.BytesIO(png))
    return found.format == "PNG" and found.mode == "RGB" and np.array_equal(np.asarray(found), np.asarray(picture))


@pytest.mark.parametrize("size", [(1, 1), (480, 270), (480, 1), (30, 480)])
def test_kitty_gets_a_png_in_chunks(size: tuple[int, int]) -> None:
    picture = _noise(*size)
    drawn = kitty(picture)
    chunks = re.findall(r"\x1b_G([^;]*);([A-Za-z0-9+/=]*)\x1b\\", drawn)
    assert "".join(f"\x1b_G{keys};{data}\x1b\\" for keys, data in chunks) == drawn
    assert _same(b64decode("".join(data for _, data in chunks)), picture)
    first = dict(key.split("=") for key in chunks[0][0].split(","))
    assert (first["a"], first["f"], first["q"]) == ("T", "100", "2")
    assert 1 <= int(first["c"]) <= 40 and 1 <= int(first["r"]) <= 12
    assert [keys.rpartition("m=")[2] for keys, _ in chunks] == ["1"] * (len(chunks) - 1) + ["0"]
    assert all(keys == "m=1" for keys, _ in chunks[1:-1])
    assert all(len(data) <= 4096 and len(data) % 4 == 0 for _, data in chunks)
    assert len(chunks) > 1 or size[0] * size[1] < 2000


def test_iterm2_gets_a_png_with_its_size() -> None:
    picture = _noise(480, 270)
    found = re.fullmatch(r"\x1b\]1337;File=([^:]*):([A-Za-z0-9+/=]*)\x07", iterm2(picture))
    assert found is not None
    about = dict(one.split("=") for one in found[1].split(";"))
    png = b64decode(found[2])
    assert about == {
        "inline": "1", "size": str(len(png)), "width": "40", "height": "11", "preserveAspectRatio": "1",
    }  # fmt: skip
    assert _same(png, picture)


def test_half_blocks_have_the_colours_of_two_pixels_each() -> None:
    picture = _noise(40, 24)  # as many pixels as there is room for, so that none is mixed
    rows: list[list[list[int]]] = []
    for line in half_blocks(picture).split("\n"):
        cells = re.findall(r"\x1b\[38;2;(\d+);(\d+);(\d+);48;2;(\d+);(\d+);(\d+)m▀", line)
        assert re.fullmatch(r"(\x1b\[[0-9;]+m▀)+\x1b\[0m", line) and len(cells) == line.count("▀")
        numbers = [list(map(int, cell)) for cell in cells]
        rows += [[cell[:3] for cell in numbers], [cell[3:] for cell in numbers]]
    assert np.array_equal(rows, np.asarray(picture))
    tall, wide = half_blocks(_noise(1, 480)).split("\n"), half_blocks(_noise(480, 1)).split("\n")
    assert (len(tall), tall[0].count("▀")) == (12, 1) and (len(wide), wide[0].count("▀")) == (1, 40)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1", "COLORTERM": "truecolor"}, kitty),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, kitty),
        ({"TERM": "xterm-ghostty", "TERM_PROGRAM": "ghostty"}, kitty),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app", "COLORTERM": "truecolor"}, iterm2),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, iterm2),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1", "COLORTERM": "truecolor"}, half_blocks),
        ({"TERM": "xterm-256color", "TMUX": "/tmp/x", "TERM_PROGRAM": "iTerm.app"}, None),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, half_blocks),
        ({"TERM": "xterm-256color"}, None),
        ({}, None),
    ],
)
def test_the_terminal_decides(environment: dict[str, str], expected: Draw | None) -> None:
    assert picture_drawer(environment) is expected
