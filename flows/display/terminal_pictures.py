"""Draws pictures in a terminal: with the protocols of kitty and iTerm2, or with coloured half blocks."""

import io
from base64 import standard_b64encode
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image

LONGEST = 480  # longest side of a picture to draw, in pixels
_COLUMNS, _LINES = 40, 12  # largest size of a drawn picture, in character cells
_CHUNK = 4096  # kitty's limit for the base64 text in one escape sequence

Draw = Callable[[Image.Image], str]


def picture_drawer(environment: Mapping[str, str]) -> Draw | None:
    """Return the function that draws an RGB picture as text for this terminal, or None if it cannot show pictures.

    The caller must make sure that the output is a terminal.

    Args:
        environment: environment variables; TERM, TERM_PROGRAM, KITTY_WINDOW_ID, TMUX and COLORTERM are used.
    """
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    # tmux and screen keep the variables of the outer terminal, but do not pass its graphics protocol through.
    if "TMUX" not in environment and not term.startswith(("screen", "tmux")):
        if program in ("iTerm.app", "WezTerm"):
            return iterm2
        if "KITTY_WINDOW_ID" in environment or term in ("xterm-kitty", "xterm-ghostty") or program == "ghostty":
            return kitty
    return half_blocks if environment.get("COLORTERM") == "truecolor" else None


def kitty(picture: Image.Image) -> str:
    """Return the picture in kitty's graphics protocol: a PNG in chunks, placed at the cursor."""
    columns, lines = _cells(picture)
    png = standard_b64encode(_png(picture)).decode()
    chunks = [png[start : start + _CHUNK] for start in range(0, len(png), _CHUNK)]
    # a=T: show the image at once; f=100: PNG; q=2: send no response, which would end up in the shell's input
    keys = [f"a=T,f=100,q=2,c={columns},r={lines},"] + [""] * (len(chunks) - 1)
    last = len(chunks) - 1
    return "".join(
        f"\x1b_G{key}m={int(number < last)};{chunk}\x1b\\"
        for number, (key, chunk) in enumerate(zip(keys, chunks, strict=True))
    )


def iterm2(picture: Image.Image) -> str:
    """Return the picture in iTerm2's protocol for inline images (OSC 1337), as a PNG."""
    columns, lines = _cells(picture)
    png = _png(picture)
    about = f"inline=1;size={len(png)};width={columns};height={lines};preserveAspectRatio=1"
    return f"\x1b]1337;File={about}:{standard_b64encode(png).decode()}\x07"


def half_blocks(picture: Image.Image) -> str:
    """Return the picture as lines of ▀ characters in 24-bit colours; each shows two pixels, one above the other."""
    columns, lines = _cells(picture)
    pixels = np.asarray(picture.resize((columns, 2 * lines), Image.Resampling.LANCZOS)).tolist()
    return "\n".join(
        "".join(
            f"\x1b[38;2;{above[0]};{above[1]};{above[2]};48;2;{below[0]};{below[1]};{below[2]}m▀"
            for above, below in zip(upper, lower, strict=True)
        )
        + "\x1b[0m"
        for upper, lower in zip(pixels[::2], pixels[1::2], strict=True)
    )


def _cells(picture: Image.Image) -> tuple[int, int]:
    """Return how many columns and lines a picture fills, assuming that cells are twice as high as they are wide."""
    scale = min(_COLUMNS / picture.width, 2 * _LINES / picture.height)
    return max(1, round(picture.width * scale)), max(1, round(picture.height * scale / 2))


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
