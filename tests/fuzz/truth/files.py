"""Pictures on disk with names as people give them, and the ways in which data refers to them."""

import random
import unicodedata
from pathlib import Path
from urllib.parse import quote

from tests.fuzz.truth.texts import can_write
from tests.support.own_data import picture, put

COUNT = 12  # pictures
PICTURES = [picture(number) for number in range(COUNT)]
NUMBERS = {content: number for number, content in enumerate(PICTURES)}
NAMES = (
    "{}.png", "Zoë {}.png", "a b {}.jpg", "100% {}.png", "x%20y{}.png", "St. Mary 2.{}.JPG", "sub/{}.jpeg",
    "été/São {}.webp", "sub/deep er/{}.avif", "images/{}.png", "Queen, 'B' {}.png", "{}.jfif", "東京{}.png",
    "(1) {}.bmp", "a&b+c={}.png", "#{}.png", "{};x.png", "한국{}.tif",
)  # fmt: skip
URL = "https://x.invalid/a.jpg?b=c"


def write_images(root: Path, rng: random.Random, codec: str = "utf-8") -> dict[int, str]:
    """Pictures below the root; the names of the files by number. Each name has one Unicode form only."""
    found = {}
    for number in range(COUNT):
        name = rng.choice(NAMES).format(number)
        stored = unicodedata.normalize("NFD" if rng.random() < 0.34 else "NFC", name)
        if not can_write(stored, codec):
            stored = f"{number}.png"
        put(root / stored, PICTURES[number])
        found[number] = stored
    put(root / ".DS_Store", "junk")
    put(root / "__MACOSX" / "._0.png", "junk")
    return found


def reference(name: str, root: Path, rng: random.Random, codec: str = "utf-8") -> tuple[str, str]:
    """A way of writing a picture's path in data, and the kind of change that the reader should count ("": none)."""
    nfc = unicodedata.normalize("NFC", name)
    other = nfc if nfc != name else unicodedata.normalize("NFD", name)
    ways = [
        (name, ""),
        (f"./{name}", ""),
        (f"{root.name}/{name}", "that repeat the end of the image root"),
        (f"./{root.name}/{name}", "that repeat the end of the image root"),
        (f"{root.parent.name}/{root.name}/{name}", "that repeat the end of the image root"),
        (quote(name), "with %XX for a character" if quote(name) != name else ""),
        (f"../{root.name}/{name}", ""),
        (str(root / name), ""),
        (f"file://{quote(str(root / name))}", ""),
        (other, "in another Unicode form" if other != name else ""),
        (quote(other), "in another Unicode form" if other != name else ""),
    ]
    if "/" in name:
        ways.append((name.replace("/", "\\"), "with backslashes"))
        ways.append((other.replace("/", "\\"), "with backslashes"))
        ways.append((f"{root.name}\\" + name.replace("/", "\\"), "with backslashes"))
        ways.append((name.replace("/", "//"), ""))
    if name.startswith("images/"):  # a folder named as the root: the file as it is written goes first
        ways = [one for one in ways if not one[0].removeprefix("./").startswith("images/images/")]
    given, kind = rng.choice(ways if rng.random() < 0.5 else ways[:1])
    return (given, kind) if can_write(given, codec) else (name, "")
