import struct
import zlib
from pathlib import Path

import pytest
import torch
from PIL import Image

from model.errors import ModelError
from model.images import BadImage, Preprocessing, decode
from model.shards import Triple
from tests.model.shard_writer import picture, png


def triple(root: Path, path: str | None = None, data: bytes | None = None) -> Triple:
    return Triple("x", data, path, root, "caption", None, None, "key")


def huge_png(width: int, height: int) -> bytes:
    """A few bytes that claim a huge picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_bytes_come_before_the_path(tmp_path):
    picture(1).save(tmp_path / "1.png")
    assert decode(triple(tmp_path, "1.png")).tobytes() == picture(1).tobytes()
    assert decode(triple(tmp_path, "1.png", png(2))).tobytes() == picture(2).tobytes()
    picture(3).convert("P").save(tmp_path / "p.png")
    assert decode(triple(tmp_path, "p.png")).mode == "RGB"


@pytest.mark.parametrize(
    ("path", "data", "words"),
    [
        ("none.png", None, "no file none.png"),
        ("../secret.png", None, "outside the image root"),
        ("link.png", None, "outside the image root"),
        ("folder", None, "no file folder"),
        ("text.png", None, "cannot be decoded"),
        (None, png(0)[:60], "cannot be decoded"),
        (None, huge_png(20_000, 10_000), "exceeds limit"),
        (None, huge_png(60_000, 60_000), "exceeds limit"),
        (None, None, "neither bytes nor a path"),
    ],
)
def test_bad_images_are_named(tmp_path, path, data, words):
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    picture(0).save(tmp_path / "secret.png")
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    (root / "text.png").write_text("no picture")
    with pytest.raises(BadImage, match=words):
        decode(triple(root, path, data))


@pytest.mark.parametrize("size", [(16, 16), (40, 23), (9, 30)])
def test_both_halves_equal_the_whole_transform(towers, size):
    image = picture(5, 50).resize(size, Image.Resampling.NEAREST)
    halves = Preprocessing(towers.transform)
    pixels = halves.pixels(image)
    assert pixels.dtype == torch.uint8
    assert torch.equal(halves.normalised(pixels[None])[0], towers.transform(image))


def test_other_transforms_are_refused():
    with pytest.raises(ModelError, match="does not end with Normalize"):
        Preprocessing(lambda image: image)
