import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from entityclip.contract.image_rules import BadImage, decode_image
from model.clip.open_clip_import import open_clip
from model.data.images import Preprocessing
from model.errors import ModelError
from tests.model.shard_writer import picture, png


def decode_bytes(data: bytes, wanted: int | None = None) -> Image.Image:
    return decode_image(Path(), None, data, wanted)


def huge_png(width: int, height: int) -> bytes:
    """A few bytes that claim a huge picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_images_become_rgb(tmp_path):
    picture(1).save(tmp_path / "1.png")
    assert decode_image(tmp_path, "1.png").tobytes() == picture(1).tobytes()
    assert decode_bytes(png(2)).tobytes() == picture(2).tobytes()
    picture(3).convert("P").save(tmp_path / "p.png")
    assert decode_image(tmp_path, "p.png").mode == "RGB"


@pytest.mark.parametrize(
    ("path", "data", "words"),
    [
        ("none.png", None, "none.png: no such image"),
        ("../secret.png", None, "outside the image root"),
        ("link.png", None, "outside the image root"),
        ("folder", None, "folder: no such image"),
        ("text.png", None, "cannot be decoded"),
        (None, png(0)[:60], "cannot be decoded"),
        ("a\0b.png", None, r"'a\\x00b.png' is outside"),
        ("a" * 5000, None, "is outside|no such image"),
        ("loop", None, "is outside|no such image"),
        (None, b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "cannot be decoded"),
        (None, huge_png(1, 600), "1x600 pixels; one side is more than 512 times the other"),
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
    (root / "loop").symlink_to(root / "loop")
    with pytest.raises(BadImage, match=words):
        decode_image(root, path, data)


def test_odd_pixels_keep_what_they_show(tmp_path):
    grey = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    Image.fromarray(grey).save(tmp_path / "16.png")
    shown = np.asarray(decode_image(tmp_path, "16.png"))
    assert np.array_equal(shown, np.repeat((grey >> 8).astype(np.uint8)[..., None], 3, axis=2))
    picture(4).save(tmp_path / "a.gif", save_all=True, append_images=[picture(5), picture(6)])
    with Image.open(tmp_path / "a.gif") as first:
        assert decode_image(tmp_path, "a.gif").tobytes() == first.convert("RGB").tobytes()
    Image.new("CMYK", (3, 2), (255, 0, 0, 0)).save(tmp_path / "cmyk.jpg", quality=100)
    cyan = np.asarray(decode_image(tmp_path, "cmyk.jpg")).astype(int)
    assert (cyan[..., 0] < 10).all() and (cyan[..., 1:] > 245).all()
    Image.new("RGB", (500, 1)).save(tmp_path / "flat.png")
    assert decode_image(tmp_path, "flat.png").size == (500, 1)
    Image.new("I", (3, 3)).save(tmp_path / "deep.tiff")
    with pytest.raises(BadImage, match="32-bit pixels"):
        decode_image(tmp_path, "deep.tiff")


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


def photograph(width: int, height: int, seed: int = 0) -> Image.Image:
    """Noise with the spectrum of photographs, 1/f: edges and textures at every scale."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = 1
    phases = np.exp(2j * np.pi * rng.random((4, *frequency.shape)))
    noise = np.fft.irfft2(phases / frequency, s=(height, width))
    noise /= noise.std(axis=(1, 2), keepdims=True)
    pixels = (noise[:1] + 0.3 * noise[1:]).transpose(1, 2, 0)
    return Image.fromarray((pixels * 50 + 128).clip(0, 255).astype(np.uint8))


def test_a_large_jpeg_is_decoded_small_and_looks_the_same():
    transform = open_clip.image_transform(224, is_train=False)
    halves, differences = Preprocessing(transform), []
    for seed, (width, height) in enumerate([(1400, 1000), (2000, 1400), (1000, 1900)]):
        buffer = io.BytesIO()
        photograph(width, height, seed).save(buffer, "JPEG", quality=92)
        small, whole = decode_bytes(buffer.getvalue(), 224), decode_bytes(buffer.getvalue())
        assert min(whole.size) == min(width, height)
        assert 2 * 224 <= min(small.size) <= min(whole.size) / 2
        differences.append((halves.pixels(small).float() - halves.pixels(whole).float()).abs())
    found = torch.stack(differences)
    print(f"mean {found.mean():.2f}, 99.9 % below {found.quantile(0.999):.0f}, of 255")  # docs/performance.md
    assert found.mean() < 1 and found.quantile(0.999) < 8
    below = io.BytesIO()
    photograph(800, 600).save(below, "JPEG")
    assert decode_bytes(below.getvalue(), 224).size == (800, 600)
    assert decode_bytes(png(0), 4).size == (20, 20)


def test_the_orientation_of_a_file_is_applied():
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to see it upright
    photograph(60, 40).save(buffer, "JPEG", exif=exif)
    assert decode_bytes(buffer.getvalue()).size == (40, 60)
