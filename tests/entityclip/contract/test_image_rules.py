"""Which images can be used and as which pixels, beside references written from the formats' definitions."""

import pickle
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from entityclip.contract.image_rules import MAX_PIXELS, BadImage, ImageFault, decode_image

CASES = Path(__file__).parents[2] / "data" / "images"
Values = npt.NDArray[Any]
_GREY = np.linspace(0, 65535, 60 * 40).astype(np.uint16).reshape(40, 60)
_SHARES = _GREY / 65535  # of white


def tiff(values: Values, bits: int, sample_format: int, photometric: int = 1, order: str = "<") -> bytes:
    """An uncompressed grey TIFF with one strip. Sample formats: 1 unsigned, 2 signed, 3 float."""
    content = _twelve_bits(values) if bits == 12 else values.astype(values.dtype.newbyteorder(order)).tobytes()
    height, width = values.shape
    start = 8 + 2 + 12 * 10 + 4
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: start, 277: 1, 278: height}
    tags |= {279: len(content), 339: sample_format}
    entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(f"{order}IH", 8, len(tags)) + entries + bytes(4) + content


def _twelve_bits(values: Values) -> bytes:
    """Two values in three bytes, the first bit highest."""
    first, second = values.reshape(-1, 2).T
    triples = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], 1)
    return triples.astype(np.uint8).tobytes()


def png16(values: Values) -> bytes:
    """Grey of 16 bits, or colours where there is a third axis; every row unfiltered."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = values.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, 2 if values.ndim == 3 else 0, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(kind, data) for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    )


def strip(content: bytes) -> Values:
    """The values of an uncompressed little-endian TIFF with one strip and one sample a pixel."""
    at, tags = struct.unpack_from("<I", content, 4)[0], {}
    for number in range(struct.unpack_from("<H", content, at)[0]):
        tag, kind, _ = struct.unpack_from("<HHI", content, at + 2 + 12 * number)
        tags[tag] = struct.unpack_from("<H" if kind == 3 else "<I", content, at + 10 + 12 * number)[0]
    assert (tags[259], tags[262]) == (1, 1)
    kind = "<f4" if tags.get(339) == 3 else "<u2"
    return np.frombuffer(content, kind, tags[256] * tags[257], tags[273]).reshape(tags[257], tags[256])


def pixels(content: bytes) -> Values:
    """(H, W, 3) as decoded by the rule."""
    return np.asarray(decode_image(Path(), None, content)).astype(int)


def assert_shows(content: bytes, shares: Values) -> None:
    """Each pixel is this share of white, (H, W) or (H, W, 3), to within 2 of 255."""
    expected = shares[..., None] if shares.ndim == 2 else shares
    assert np.abs(pixels(content) - 255 * np.clip(expected, 0, 1)).max() <= 2


@pytest.mark.parametrize(
    ("content", "shares"),
    [
        (tiff(_GREY, 16, 1), _SHARES),
        (tiff(_GREY, 16, 1, order=">"), _SHARES),
        (tiff(_GREY, 16, 1, photometric=0), 1 - _SHARES),
        (tiff(_GREY >> 4, 12, 1), _SHARES),
        (png16(_GREY), _SHARES),
        (png16(np.stack([_GREY, _GREY[::-1], _GREY.T.reshape(40, 60)], 2)),
         np.stack([_SHARES, _SHARES[::-1], _SHARES.T.reshape(40, 60)], 2)),
        (b"P5 60 40 65535\n" + _GREY.astype(">u2").tobytes(), _SHARES),
        (b"P5 60 40 1023\n" + (_GREY >> 6).astype(">u2").tobytes(), _SHARES),
        (tiff(_SHARES.astype(np.float32), 32, 3), _SHARES),
        (tiff(_SHARES.astype(np.float32), 32, 3, order=">"), _SHARES),
        (tiff(_SHARES.astype(np.float32), 32, 3, photometric=0), 1 - _SHARES),
        (tiff((255 * _SHARES).astype(np.float32), 32, 3), _SHARES),
        (tiff((1.2 * _SHARES - 0.1).astype(np.float32), 32, 3), 1.2 * _SHARES - 0.1),  # resampled
        (b"Pf\n60 40\n-1.0\n" + _SHARES[::-1].astype("<f4").tobytes(), _SHARES),  # from the bottom up
    ],
)  # fmt: skip
def test_deep_pixels_show_what_the_format_says(content: bytes, shares: Values) -> None:
    assert_shows(content, shares)


@pytest.mark.parametrize(("name", "white"), [("float01.tif", 1), ("i16.tif", 65535), ("i16_dark.tif", 65535)])
def test_deep_pixels_of_files_that_people_have(name: str, white: int) -> None:
    content = (CASES / name).read_bytes()
    assert_shows(content, strip(content).astype(float) / white)


def test_a_large_deep_image_is_read_in_strips() -> None:
    values = np.random.default_rng(0).random((1100, 2000), np.float32)
    assert_shows(tiff(values, 32, 3), values)


@pytest.mark.parametrize(
    ("content", "fault", "words"),
    [
        (tiff(_GREY.astype(np.int32), 32, 2), ImageFault.UNSUPPORTED, "signed or 32-bit pixels"),
        (tiff(_GREY.astype(np.uint32), 32, 1), ImageFault.UNSUPPORTED, "signed or 32-bit pixels"),
        (tiff((_GREY // 2).astype(np.int16), 16, 2), ImageFault.UNSUPPORTED, "signed or 32-bit pixels"),
        (tiff(1000 * _SHARES.astype(np.float32), 32, 3), ImageFault.UNSUPPORTED, "range from 0 to 1000"),
        (tiff(-_SHARES.astype(np.float32), 32, 3), ImageFault.UNSUPPORTED, "range from -1 to"),
        (tiff(np.where(_GREY == 0, np.nan, _SHARES).astype(np.float32), 32, 3), ImageFault.UNSUPPORTED, "nan"),
        (tiff(np.where(_GREY == 0, np.inf, _SHARES).astype(np.float32), 32, 3), ImageFault.UNSUPPORTED, "inf"),
        (png16(np.zeros((1, 513), np.uint16)), ImageFault.UNSUPPORTED, "513x1 pixels; one side is more than 512 times"),
        (b"P5 13000 13999 255\n", ImageFault.TOO_LARGE, f"{MAX_PIXELS} pixels"),
        (tiff(_GREY, 16, 1)[:-1], ImageFault.UNDECODABLE, "cannot be decoded"),
        (b"no image", ImageFault.UNDECODABLE, "cannot be decoded: cannot identify image file$"),
    ],
)
def test_what_cannot_be_used_says_why(content: bytes, fault: ImageFault, words: str) -> None:
    with pytest.raises(BadImage, match=words) as raised:
        decode_image(Path(), None, content)
    assert raised.value.fault is fault
    again = pickle.loads(pickle.dumps(raised.value))  # as it comes from another process
    assert (str(again), again.fault) == (str(raised.value), fault)


def test_a_message_names_the_path_and_not_the_root(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "x.png").write_bytes(b"no image")
    (tmp_path / "link").symlink_to(tmp_path / "root")
    for root in ("root", "link"):
        with pytest.raises(BadImage, match=r"^x\.png cannot be decoded: cannot identify image file '\./x\.png'$"):
            decode_image(tmp_path / root, "x.png")


@pytest.mark.parametrize(
    "message",
    [
        "cannot identify image file <_io.BytesIO object at 0x7f1a2b3c4d5e>",
        "broken <PIL.JpegImagePlugin.JpegImageFile image mode=RGB size=3x3 at 0x7F1A2B3C4D5E>",
        "buffer at 0x7f1a2b3c4d5e is not large enough",
    ],
)
def test_messages_have_no_memory_addresses(message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(message)

    monkeypatch.setattr("PIL.Image.open", fail)
    with pytest.raises(BadImage) as raised:
        decode_image(tmp_path, None, b"x")
    assert "0x" not in str(raised.value)


@pytest.mark.parametrize(
    ("path", "said"),
    [("['a.jpg']", "a list that is written"), ("C:\\a\\b.jpg", "of Windows, with"), ("a\\b.jpg", "backslashes: write")],
)
def test_a_path_that_is_none_is_named_as_such(path: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(BadImage, match=f"no such image; the path .*{said}"):
        decode_image(tmp_path, path)


def test_a_url_as_path_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(BadImage, match=r"^https://x\.org/a\.jpg is a URL, but images are files .* dataset\.root"):
        decode_image(tmp_path, "https://x.org/a.jpg")
