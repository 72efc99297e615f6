"""What `check` calls usable is what `pack` packs and what training reads, and as the same pixels."""

import io
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image, ImageOps

from entityclip.contract.image_rules import MAX_ASPECT, BadImage, decode_image
from pipeline.images.check import image_problem
from pipeline.images.resize import packed_image
from tests.fuzz.cases import images as good_images
from tests.fuzz.mutations import damaged

CASES = Path(__file__).parent / "data" / "images"
FORMATS = ("JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP", "AVIF", "PPM", "ICO", "TGA")  # the last two are not taken
MODES = ("RGB", "L", "1", "P", "PA", "RGBA", "LA", "CMYK", "YCbCr", "LAB", "HSV", "I;16", "I;16B", "I", "F")
LOSSLESS_HERE = ("JPEG", "PNG", "GIF", "WEBP")  # packed as they are, where they are small


def usable(root: Path, name: str, size: int) -> bool:
    """What all three say of an image; they must agree, also of its bytes in a shard, at any size that is wanted."""
    data = (root / name).read_bytes()
    attempts = {
        "pack": lambda: packed_image(root, name, None, size=size, quality=95),
        "pack again": lambda: packed_image(root, name, data, size=size, quality=95),
        "train": lambda: decode_image(root, name),
        "train small": lambda: decode_image(root, name, None, size),
        "train packed": lambda: decode_image(root, None, data, size),
    }
    said = {"check": image_problem(root, name) is None}
    for who, attempt in attempts.items():
        try:
            attempt()
            said[who] = True
        except BadImage:
            said[who] = False
    assert len(set(said.values())) == 1, (name, said)
    return said["check"]


@contextmanager
def folder_with(content: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "x").write_bytes(content)
        yield Path(folder)


def encoded(mode: str, form: str, width: int, height: int, white: int) -> bytes | None:
    """A smooth picture; None where the format has no such pixels."""
    y, x = np.mgrid[0:height, 0:width]
    ramp = (x / max(1, width - 1) + y / max(1, height - 1)) / 2
    if mode in ("I", "F") or mode.startswith("I;16"):
        kind = {"I": np.int32, "F": np.float32, "I;16": np.uint16, "I;16B": ">u2"}[mode]
        ramp.flat[-1] = 1
        image = Image.fromarray((ramp * white).astype(kind))
    else:
        image = Image.fromarray((np.stack([ramp, 1 - ramp, ramp / 2], 2) * 255).astype(np.uint8)).convert("RGB")
        image = image.convert("P").convert(mode) if mode == "PA" else image.convert(mode)
    buffer = io.BytesIO()
    try:
        image.save(buffer, form)
    except (OSError, ValueError, KeyError):
        return None
    return buffer.getvalue()


@settings(max_examples=300, deadline=None)
@given(
    mode=st.sampled_from(MODES),
    form=st.sampled_from(FORMATS),
    width=st.one_of(st.integers(1, 90), st.sampled_from([511, 512, 513, 700])),
    height=st.integers(1, 90),
    turned=st.booleans(),
    white=st.sampled_from([1, 255, 65_535]),
    size=st.sampled_from([8, 32, 256]),
)
def test_check_pack_and_training_agree(
    mode: str, form: str, width: int, height: int, turned: bool, white: int, size: int
) -> None:
    if turned:
        width, height = height, width
    content = encoded(mode, form, width, height, white)
    if content is None:
        return
    with folder_with(content) as folder:
        is_usable = usable(folder, "x", size)
        takes = form not in ("ICO", "TGA") and max(width, height) <= MAX_ASPECT * min(width, height)
        is_doubtful = (form, mode) == ("TIFF", "I") or (form in ("TIFF", "PPM") and mode == "F" and white > 255)
        assert is_usable is (takes and not is_doubtful)
        if not is_usable:
            return
        whole = np.asarray(decode_image(folder, "x"), float)
        packed = np.asarray(decode_image(folder, None, packed_image(folder, "x", None, size=size, quality=95)), float)
        if min(width, height) <= size:
            assert packed.shape == whole.shape == (height, width, 3)
        if min(width, height) <= size and form in LOSSLESS_HERE:
            assert np.array_equal(packed, whole)
        else:
            assert np.abs(packed.mean((0, 1)) - whole.mean((0, 1))).max() < 6


@pytest.mark.filterwarnings("ignore")  # Pillow says what is odd
def test_they_agree_on_damaged_images() -> None:
    rng, outcomes = random.Random(0), {True: 0, False: 0}
    good = good_images() + [path.read_bytes() for path in sorted(CASES.iterdir())]
    for _ in range(300):
        with folder_with(damaged(rng.choice(good), rng, rng.choice(good))) as folder:
            outcomes[usable(folder, "x", rng.choice([4, 256]))] += 1
    assert min(outcomes.values()) > 50


@pytest.mark.parametrize("size", [16, 256])
def test_images_that_people_have(size: int) -> None:
    found = {path.name: usable(CASES, path.name, size) for path in CASES.iterdir()}
    assert len(found) == 10
    assert [name for name, is_usable in found.items() if not is_usable] == ["prog_trunc_late.jpg"]
    assert decode_image(CASES, "exif6.webp").size == (64, 80)  # as people see it


@pytest.mark.parametrize("size", [16, 256])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_is_packed_and_trained_upright(orientation: int, form: str, size: int, tmp_path: Path) -> None:
    y, x = np.mgrid[0:40, 0:60]
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(np.stack([x * 4, y * 6, x + y], 2).astype(np.uint8))
    picture.save(tmp_path / "x", form, exif=exif, **({"lossless": True} if form == "WEBP" else {"quality": 100}))
    with Image.open(tmp_path / "x") as stored:
        wanted = ImageOps.exif_transpose(stored).convert("RGB")
    packed = packed_image(tmp_path, "x", None, size=size, quality=95)
    with Image.open(io.BytesIO(packed)) as as_is:  # as any reader sees it, without a look at EXIF
        assert as_is.getexif().get(0x0112, 1) == 1
        found = as_is.convert("RGB").resize(wanted.size)
    trained = decode_image(tmp_path, "x", None, size)
    assert np.abs(np.asarray(found, float) - np.asarray(wanted, float)).mean() < 6
    assert np.array_equal(np.asarray(decode_image(tmp_path, "x")), np.asarray(wanted))
    assert np.abs(np.asarray(trained.resize(wanted.size), float) - np.asarray(wanted, float)).mean() < 3
    assert packed_image(tmp_path, None, packed, size=size, quality=95) == packed


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "RGBA", "I;16"])
def test_a_turned_tiff_is_the_same_from_its_path_and_from_its_bytes(mode: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    values = np.arange(40 * 60, dtype=np.uint16).reshape(40, 60)
    grey = Image.fromarray(values if mode == "I;16" else (values // 10).astype(np.uint8))
    (grey if mode == "I;16" else grey.convert(mode)).save(tmp_path / "x", "TIFF", exif=exif)
    shown = decode_image(tmp_path, "x")
    assert shown.size == (40, 60)
    assert np.array_equal(np.asarray(shown), np.asarray(decode_image(tmp_path, None, (tmp_path / "x").read_bytes())))


def _transparent(mode: str) -> Image.Image:
    """Black, and invisible in its left half."""
    alpha = Image.new("L", (40, 40), 255)
    alpha.paste(0, (0, 0, 20, 40))
    image = Image.new("RGBA" if mode == "RGBA" else "LA", (40, 40), 0)
    image.putalpha(alpha)
    return image if mode in ("RGBA", "LA") else image.convert("RGBA").convert("P", palette=Image.Palette.ADAPTIVE)


@pytest.mark.parametrize("size", [16, 256])
@pytest.mark.parametrize(
    ("mode", "form"),
    [
        ("RGBA", "PNG"),
        ("RGBA", "WEBP"),
        ("RGBA", "TIFF"),
        ("RGBA", "AVIF"),
        ("LA", "PNG"),
        ("P", "PNG"),
        ("RGBA", "GIF"),
    ],
)
def test_a_transparent_picture_is_packed_and_trained_on_white(mode: str, form: str, size: int, tmp_path: Path) -> None:
    _transparent(mode).save(tmp_path / "x", form)
    packed = packed_image(tmp_path, "x", None, size=size, quality=95)
    with Image.open(io.BytesIO(packed)) as as_is:
        assert not as_is.has_transparency_data
        seen = [as_is.convert("RGB"), decode_image(tmp_path, "x"), decode_image(tmp_path, None, packed)]
    for image in seen:
        pixels = np.asarray(image)
        assert pixels[2:-2, 2].min() > 250 and pixels[2:-2, -3].max() < 5


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_an_opaque_upright_picture_is_packed_as_it_is_and_damaged_exif_is_no_fault(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (20, 20), "red")
    for form, exif in (("PNG", b""), ("WEBP", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"), ("PNG", b"x" * 40)):
        picture.save(tmp_path / "x", form, exif=exif)
        assert packed_image(tmp_path, "x", None, size=32, quality=90) == (tmp_path / "x").read_bytes()
        assert usable(tmp_path, "x", 32)
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(np.zeros((20, 30), np.uint16)).save(tmp_path / "x", "PNG", exif=turned)
    assert decode_image(tmp_path, "x").size == (20, 30)
    assert decode_image(tmp_path, None, packed_image(tmp_path, "x", None, size=32, quality=90)).size == (20, 30)
