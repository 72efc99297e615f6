"""Images of every sort that people have, and of sorts that nobody should have: a status, never a stop."""

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from entityclip.contract.image_rules import MAX_PIXELS
from pipeline.images.check import image_digest, image_fault
from tests.fuzz.cases import images as good_images, write_surroundings
from tests.support.own_data import picture, put


def _png(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and holds nothing."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_images_of_every_sort_can_be_used(tmp_path: Path) -> None:
    """CMYK, 16 bits, floats, palettes, animations, EXIF rotation, one pixel, 1:500."""
    found = good_images()
    assert len(found) > 40
    for content in found:
        put(tmp_path / "x", content)
        assert image_fault(tmp_path, "x") is None


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (b"", "undecodable", "cannot identify"),
        (b"no image", "undecodable", "cannot identify"),
        (picture(1)[:40], "undecodable", "cannot be decoded"),
        (picture(1, "JPEG")[:-80], "undecodable", "runcated"),
        (_png(60_000, 60_000), "too_large", "pixels"),
        (_png(13_000, 13_999), "too_large", f"{MAX_PIXELS} pixels"),
        (_png(0, 5), "undecodable", "cannot"),
        (_png(5, 2561), "unsupported", "5x2561 pixels; one side is more than 512 times the other"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%touch x) (w) file\n", "undecodable", "identify"),
        (b"#define x_width 9\n#define x_height 9\nstatic char x_bits[] = {\n0x00 };\n", "undecodable", "identify"),
    ],
)  # fmt: skip
def test_a_bad_image_has_a_reason(content: bytes, kind: str, reason: str, tmp_path: Path) -> None:
    put(tmp_path / "x.png", content)
    found = image_fault(tmp_path, "x.png")
    assert found is not None
    assert found[0] == kind
    assert reason in found[1]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("../outside/secret.png", "outside"),
        ("/etc/passwd", "outside"),
        ("link.png", "outside"),
        ("linked/secret.png", "outside"),
        ("loop", "outside"),
        ("a\0b", "outside"),
        ("", "missing"),
        ("folder", "missing"),
        ("pipe", "missing"),
        ("x" * 300, "missing"),
        ("a/" * 3000, "missing"),
        ("http://127.0.0.1:9/x.png", "missing"),
        ("\x1b[2J\u202egnp", "missing"),
    ],
)
def test_a_path_leads_nowhere_else(path: str, kind: str, tmp_path: Path) -> None:
    write_surroundings(tmp_path / "data")
    found = image_fault(tmp_path / "data" / "images", path)
    assert found is not None
    assert found[0] == kind
    assert found[1].isprintable()
    assert len(found[1]) < 800
    assert image_digest(tmp_path / "data" / "images", path) == image_digest(tmp_path, "nothing")


def test_a_png_whose_text_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    info: Any = __import__("PIL.PngImagePlugin", fromlist=["PngInfo"]).PngInfo()
    info.add_text("bomb", "x" * (80 * 2**20), zip=True)
    Image.new("RGB", (4, 4)).save(stream, "PNG", pnginfo=info)
    assert len(stream.getvalue()) < 200_000
    put(tmp_path / "x.png", stream.getvalue())
    found = image_fault(tmp_path, "x.png")
    assert found is not None
    assert "too large" in found[1]
    assert os.listdir(tmp_path) == ["x.png"]  # noqa: PTH208
