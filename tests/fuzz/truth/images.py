"""Images: what `check` calls usable is packed and read for training with the pixels that were put into the file."""

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from entityclip.contract.image_rules import BadImage, decode_image
from pipeline.images.check import image_problem
from pipeline.images.resize import packed_image
from tests.entityclip.contract.test_image_rules import png16, tiff
from tests.fuzz.truth.truths import Fault

Pixels = npt.NDArray[Any]
EXACT = ("PNG", "BMP", "TIFF", "PPM", "WEBP", "GIF")  # with the options below
_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True, "exact": True},
}
_OPTIONS["AVIF"] = {"quality": 95, "subsampling": "4:4:4"}
_ORIENTED = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")
_CLOSE, _PACKED = 8, 25  # mean difference, of 255; of pictures with sharp edges that are resized
_COLOURS_FROM = 16  # pixels a side; JPEG keeps one colour for two by two of them
# What orientation n means: how the stored rows and columns have to be turned to be seen upright (EXIF 2.3, 4.6.4 A).
_TURNS: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: stored.swapaxes(0, 1)[:, ::-1],
    7: lambda stored: stored.swapaxes(0, 1)[::-1, ::-1],
    8: lambda stored: stored.swapaxes(0, 1)[::-1],
}


class Images:
    """Writes a random picture in each case, damaged or not, and lets all stages look at it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def case(self, rng: random.Random) -> str:
        """One case; raises Fault or whatever the stages raise."""
        content, shown, name, is_exact = _picture(rng)
        is_cut = rng.random() < 0.25
        if is_cut:
            content = content[: int(len(content) * rng.choice((0.1, 0.5, 0.9, 0.98)))]
        (self._folder / "x").write_bytes(content)
        size = rng.choice((8, 24, 64, 256))
        is_usable = self._agree(size)
        if not is_usable:
            if not is_cut:
                raise Fault(f"{name} is unusable: {image_problem(self._folder, 'x')}")
            return "cut: unusable"
        found = np.asarray(decode_image(self._folder, "x"), float)
        if found.shape != shown.shape:
            raise Fault(f"{name} has the shape {found.shape} instead of {shown.shape}")
        if (off := np.abs(found - shown).max() if is_exact else np.abs(found - shown).mean()) > (
            1.01 if is_exact else _CLOSE
        ):
            raise Fault(f"{name} is {off:.1f} of 255 off the pixels that it was made of")
        if min(shown.shape[:2]) >= _COLOURS_FROM:
            self._check_packed(size, shown, name)
        return "cut: usable" if is_cut else name.partition(",")[0]

    def _agree(self, size: int) -> bool:
        data = (self._folder / "x").read_bytes()
        attempts = {
            "pack": lambda: packed_image(self._folder, "x", None, size=size, quality=95),
            "train": lambda: decode_image(self._folder, "x", None, size),
            "train packed": lambda: decode_image(self._folder, None, data, size),
        }
        said = {"check": image_problem(self._folder, "x") is None}
        for who, attempt in attempts.items():
            try:
                attempt()
                said[who] = True
            except BadImage:
                said[who] = False
        if len(set(said.values())) > 1:
            raise Fault(f"usable: {said}")
        return said["check"]

    def _check_packed(self, size: int, shown: Pixels, name: str) -> None:
        """Compare what training reads, of the file and of its packed form, at the size that it wants."""
        packed = packed_image(self._folder, "x", None, size=size, quality=95)
        with Image.open(io.BytesIO(packed)) as as_is:  # as any reader sees it, without a look at EXIF
            looks = as_is.convert("RGB")
        trained = decode_image(self._folder, "x", None, size)
        again = decode_image(self._folder, None, packed, size)
        wanted = _blurred(shown, size)
        of_packed = [] if name == "deep" else [("packed", looks)]  # plain Pillow clips 16 bits, browsers do not
        for who, image in (*of_packed, ("trained", trained), ("trained on packed", again)):
            pixels = np.asarray(image.resize(shown.shape[1::-1]), float)
            if (off := np.abs(_blurred(pixels, size) - wanted).mean()) > _PACKED:
                raise Fault(f"{who}, {name} is {off:.1f} of 255 off at size {size}")


def _blurred(pixels: Pixels, size: int) -> Pixels:
    """Means of blocks, as small as what a size of `size` keeps."""
    step = max(1, min(pixels.shape[:2]) // size)
    height, width = (side // step * step for side in pixels.shape[:2])
    return pixels[:height, :width].reshape(height // step, step, width // step, step, 3).mean((1, 3))


def _picture(rng: random.Random) -> tuple[bytes, Pixels, str, bool]:
    """A file, the pixels (H, W, 3) of 0 to 255 that it shows, what it is, and whether it keeps each pixel exactly."""
    height, width = (rng.choice((1, 2, 7, 16, 33, 64, 65, 130)) for _ in range(2))
    made = rng.choice((_plain, _plain, _plain, _alpha, _palette, _deep, _cmyk, _bilevel))
    return made(rng, _smooth(rng, height, width))


def _smooth(rng: random.Random, height: int, width: int) -> Pixels:
    """Colours that change slowly, each corner with others, so that a picture turned or mirrored is another."""
    corners = np.array([[rng.randrange(256) for _ in range(3)] for _ in range(4)], float)
    corners[0], corners[3] = rng.choice(([255, 0, 0], [0, 90, 255])), rng.choice(([0, 255, 0], [255, 230, 0]))
    y = np.linspace(0, 1, height)[:, None, None]
    x = np.linspace(0, 1, width)[None, :, None]
    mixed = (1 - y) * ((1 - x) * corners[0] + x * corners[1]) + y * ((1 - x) * corners[2] + x * corners[3])
    return np.rint(mixed).astype(np.uint8)


def _saved(
    image: Image.Image, form: str, rng: random.Random, shown: Pixels, name: str
) -> tuple[bytes, Pixels, str, bool]:
    """The image in a format, with an orientation or without."""
    options = dict(_OPTIONS.get(form, {}))
    turn = rng.randint(1, 8) if form in _ORIENTED and rng.random() < 0.5 else 1
    if turn > 1:
        exif = Image.Exif()
        exif[0x0112] = turn
        options["exif"] = exif
    if form == "JPEG" and rng.random() < 0.3:
        options["progressive"] = True
    if form == "PNG" and rng.random() < 0.2:
        options["optimize"] = True
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue(), _TURNS[turn](shown).astype(float), f"{name}, {form}, orientation {turn}", form in EXACT


def _plain(rng: random.Random, colours: Pixels) -> tuple[bytes, Pixels, str, bool]:
    form = rng.choice(("JPEG", "PNG", "WEBP", "BMP", "TIFF", "PPM", "AVIF"))
    if rng.random() < 0.3 and form != "AVIF":
        grey = colours[:, :, 0]
        return _saved(Image.fromarray(grey), form, rng, np.stack([grey] * 3, 2), "grey")
    return _saved(Image.fromarray(colours), form, rng, colours, "RGB")


def _alpha(rng: random.Random, colours: Pixels) -> tuple[bytes, Pixels, str, bool]:
    """Transparent to some degree in a half; people see white through it."""
    alpha = np.full(colours.shape[:2], 255, np.uint8)
    alpha[:, : colours.shape[1] // 2] = rng.choice((0, 100, 255))
    form = rng.choice(("PNG", "WEBP", "TIFF", "AVIF"))
    if form in ("PNG", "TIFF") and rng.random() < 0.3:
        grey = colours[:, :, :1]
        image = Image.fromarray(np.concatenate([grey, alpha[:, :, None]], 2), "LA")
        colours = np.repeat(grey, 3, 2)
    else:
        image = Image.fromarray(np.concatenate([colours, alpha[:, :, None]], 2), "RGBA")
    share = alpha[:, :, None] / 255
    return _saved(image, form, rng, colours * share + 255 * (1 - share), f"{image.mode} with transparency")


def _palette(rng: random.Random, colours: Pixels) -> tuple[bytes, Pixels, str, bool]:
    """Few colours in a table, of which one may be transparent."""
    first, last = ([rng.randrange(256) for _ in range(3)] for _ in range(2))
    table = np.linspace(first, last, rng.choice((2, 5, 16, 250))).astype(np.uint8)
    height, width = colours.shape[:2]
    numbers = np.repeat(np.arange(width)[None] * len(table) // width, height, 0)  # in stripes
    image = Image.fromarray(numbers.astype(np.uint8)).copy()
    image.putpalette(table.tobytes())
    form = rng.choice(("PNG", "GIF", "BMP", "TIFF"))
    shown = table[numbers].copy()
    if form in ("PNG", "GIF") and rng.random() < 0.5:
        image.info["transparency"] = 1
        shown[numbers == 1] = 255
    return _saved(image, form, rng, shown, "palette")


def _deep(rng: random.Random, colours: Pixels) -> tuple[bytes, Pixels, str, bool]:
    """Sixteen bits a value, grey or colour, or floats, in PNG, TIFF and PPM."""
    deep = colours.astype(np.uint16) * 257
    grey = np.stack([colours[:, :, 1]] * 3, 2).astype(float)
    height, width = colours.shape[:2]
    one = deep[:, :, 1]
    content, shown = rng.choice(
        (
            (lambda: png16(one), grey),
            (lambda: png16(deep), colours.astype(float)),
            (lambda: tiff(one, 16, 1), grey),
            (lambda: tiff(one, 16, 1, order=">"), grey),
            (lambda: tiff(one, 16, 1, photometric=0), 255 - grey),
            (lambda: tiff((one / 65535).astype(np.float32), 32, 3), grey),
            (lambda: b"P5 %d %d 65535\n" % (width, height) + one.astype(">u2").tobytes(), grey),
        )
    )
    return content(), shown, "deep", True


def _cmyk(rng: random.Random, colours: Pixels) -> tuple[bytes, Pixels, str, bool]:
    """Inks: a colour is left where neither its ink nor black is."""
    black = rng.choice((0, 60))
    inks = np.concatenate([255 - colours, np.full((*colours.shape[:2], 1), black, np.uint8)], 2)
    shown = colours.astype(float) * (255 - black) / 255
    return _saved(Image.fromarray(inks, "CMYK"), rng.choice(("JPEG", "TIFF")), rng, shown, "CMYK")


def _bilevel(rng: random.Random, colours: Pixels) -> tuple[bytes, Pixels, str, bool]:
    """Black and white."""
    white = colours[:, :, 0] > 127
    image = Image.fromarray(white.astype(np.uint8) * 255).convert("1", dither=Image.Dither.NONE)
    return _saved(
        image, rng.choice(("PNG", "TIFF", "BMP", "PPM", "GIF")), rng, np.stack([white * 255] * 3, 2), "bilevel"
    )
