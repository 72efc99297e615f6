import struct
import zlib

import pytest
import torch
from PIL import Image

from model.errors import ModelError
from model.images import BadImage, Preprocessing, decode_bytes, decode_file
from tests.model.shard_writer import picture, png


def huge_png(width: int, height: int) -> bytes:
    """A few bytes that claim a huge picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_images_become_rgb(tmp_path):
    picture(1).save(tmp_path / "1.png")
    assert decode_file(tmp_path, "1.png").tobytes() == picture(1).tobytes()
    assert decode_bytes(png(2)).tobytes() == picture(2).tobytes()
    picture(3).convert("P").save(tmp_path / "p.png")
    assert decode_file(tmp_path, "p.png").mode == "RGB"


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
    ],
)
def test_bad_images_are_named(tmp_path, path, data, words):
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    picture(0).save(tmp_path / "secret.png")
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    (root / "text.png").write_text("no picture")
    with pytest.raises(BadImage, match=words):
        decode_bytes(data) if path is None else decode_file(root, path)


@pytest.mark.parametrize("size", [(16, 16), (40, 23), (9, 30)])
def test_both_halves_equal_the_whole_transform(towers, size):
    image = picture(5, 50).resize(size, Image.Resampling.NEAREST)
    halves = Preprocessing(towers.transform)
    pixels = halves.pixels(image)
    assert pixels.dtype == torch.uint8
    assert torch.equal(halves.normalised(pixels[None])[0], towers.transform(image))


def test_other_transforms_are_refused():
    with pytest.raises(ModelError, match="does not end with ToTensor and Normalize"):
        Preprocessing(lambda image: image)
