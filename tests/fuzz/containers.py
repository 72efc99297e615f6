"""Cases of containers whose headers lie: tar, gzip, Parquet, JSON and images, each read as data of a dataset.

An input of 1 MB may take 5 seconds of a processor; a case here may take five times that.
"""

import gzip
import io
import json
import random
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from entityclip.contract.image_rules import MAX_SCANNED
from pipeline.images.check import image_fault
from pipeline.manifest.manifest import load_manifest
from pipeline.readers import read_pairs
from tests.fuzz.cases import manifest_text
from tests.fuzz.limits import CPU_SECONDS, Case
from tests.fuzz.mutations import damaged
from tests.support.own_data import HF_IMAGE, picture, put

MB = 10**6
SIZES = (0, 1, 511, 512, 513, 10**6, 2**31, 2**33 - 1, 2**40, 2**62, 2**63 - 1, 2**64, 2**80, -1, -512, -(2**40))
_BLOCK = 512


def kinds(root: Path) -> dict[str, Case]:
    """Return a case for each kind of container, by name."""
    put_image(root)
    tar = reader(root, {"kind": "webdataset", "file": "x.tar"})
    zipped_tar = reader(root, {"kind": "webdataset", "file": "x.tar.gz"})
    zipped_csv = reader(root, {"kind": "csv", "file": "x.csv.gz", "root": "images"})
    parquet = reader(root, {"kind": "parquet", "file": "x.parquet"})
    jsonl = reader(root, {"kind": "jsonl", "file": "x.jsonl", "root": "images"})
    return {
        "tar": lambda rng: tar(lying_tar(rng)),
        "tar.gz": lambda rng: zipped_tar(lying_gzip(rng, lying_tar(rng))),
        "csv.gz": lambda rng: zipped_csv(lying_gzip(rng, b"image,caption\n0.png,a\n" * 40)),
        "parquet": lambda rng: parquet(lying_parquet(rng)),
        "jsonl": lambda rng: jsonl(lying_json(rng)),
        "image": lambda rng: look(root, lying_image(rng)),
    }


def put_image(root: Path) -> None:
    """Write the image that the records name."""
    put(root / "images" / "0.png", picture(0))


def reader(root: Path, dataset: dict[str, Any]) -> Callable[[bytes], str]:
    """Return what reads a dataset of one file with any content, in time.

    The manifest is read once: reading it would take a third of the processor time of all cases.
    """
    (root / "own.yaml").write_bytes(manifest_text(dataset))
    manifest = load_manifest(root / "own.yaml")

    def read(content: bytes) -> str:
        (root / dataset["file"]).write_bytes(content)
        began = time.process_time()
        try:
            return "pairs" if sum(1 for _ in read_pairs(manifest)) else "no pairs"
        finally:
            _in_time(began)

    return read


def look(root: Path, content: bytes) -> str:
    """Look at an image, in time."""
    (root / "images" / "case").write_bytes(content)
    began = time.process_time()
    found = image_fault(root / "images", "case")
    _in_time(began)
    return "usable" if found is None else found[0].value


def _in_time(began: float) -> None:
    used = time.process_time() - began
    assert used < CPU_SECONDS, f"took {used:.0f} s of a processor"


def header(name: bytes, size: int, kind: bytes = b"0", *, magic: bytes = b"ustar\x0000", rest: bytes = b"") -> bytes:
    """A tar header; sizes that no octal number can say are written as GNU does."""
    octal = f"{size:011o}\0".encode() if 0 <= size < 8**11 else (size % 2**96).to_bytes(12, "big")
    if len(octal) == 12 and not 0 <= size < 8**11:
        octal = bytes([0xFF if size < 0 else 0x80]) + octal[1:]
    block = name[:100].ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + octal + b"00000000000\0" + b" " * 8
    block = (block + kind + b"\0" * 100 + magic + rest).ljust(_BLOCK, b"\0")[:_BLOCK]
    checksum = f"{sum(block):06o}\0 ".encode()
    return block[:148] + checksum + block[156:]


def padded(content: bytes) -> bytes:
    """Content as it stands in a tar."""
    return content + b"\0" * (-len(content) % _BLOCK)


def record(name: bytes, value: bytes, length: int | None = None) -> bytes:
    """A record of an extended header; its length may lie."""
    rest = b" " + name + b"=" + value + b"\n"
    size = len(rest) + 1
    while size != len(rest) + len(str(size)):
        size += 1
    return str(size if length is None else length).encode() + rest


def lying_tar(rng: random.Random) -> bytes:
    """A tar of a few members, of which some headers lie about sizes, kinds and extended headers."""
    parts: list[bytes] = []
    for number in range(rng.choice((1, 2, 4))):
        image = picture(number)
        if rng.random() < 0.6:
            parts.append(_odd_header(rng))
        size = rng.choice(SIZES) if rng.random() < 0.5 else len(image)
        kind = rng.choice((b"0", b"0", b"0", b"\0", b"5", b"1", b"S", b"7", b"x", b"L", b"V", b"\xff"))
        parts += [header(b"%d.png" % number, size, kind), padded(image)]
        parts += [header(b"%d.txt" % number, 3), padded(b"Ann")]
    parts.append(b"\0" * rng.choice((0, 512, 1024, 10240)))
    content = b"".join(parts)
    return damaged(content, rng) if rng.random() < 0.2 else content


def _odd_header(rng: random.Random) -> bytes:
    records = [
        record(b"size", str(rng.choice(SIZES)).encode()),
        record(b"path", b"a" * rng.choice((1, 200, 5000))),
        record(b"comment", b"x", rng.choice((0, 1, 2, 5, 10**6, 2**63, 10**30))),
        record(b"GNU.sparse.map", rng.choice((b"1,2,x", b"1,2", b"", b"9" * 50))),
        record(b"GNU.sparse.major", b"1") + record(b"GNU.sparse.minor", b"0"),
        record(b"GNU.sparse.size", rng.choice((b"5", b"-5", b"x"))) + record(b"GNU.sparse.numblocks", b"1"),
        record(b"hdrcharset", rng.choice((b"BINARY", b"x"))),
        record(b"mtime", rng.choice((b"nan", b"inf", b"1e999", b"9" * 5000))),
        b"9" * rng.choice((10, 5000)),
    ]
    content = b"".join(rng.sample(records, rng.choice((1, 2, 3))))
    kind = rng.choice((b"x", b"x", b"g", b"L", b"K", b"X", b"S"))
    size = len(content) if rng.random() < 0.7 else rng.choice(SIZES)
    rest = b"\0" * 129 + b"1" * 100 + b"\1" if kind == b"S" else b""
    return header(b"././@odd", size, kind, magic=rng.choice((b"ustar\x0000", b"ustar  \0")), rest=rest) + padded(
        content
    )


def slow_tars() -> dict[str, bytes]:
    """Tars of about 1 MB on which Python's tarfile takes minutes to years."""
    numbers = b"1\n" * (MB // 2)
    sparse = record(b"GNU.sparse.major", b"1") + record(b"GNU.sparse.minor", b"0")
    short = record(b"a", b"b", 4) * (MB // 8)
    common = b"".join(record(b"k%d" % number, b"") for number in range(20_000))
    member = header(b"x", 8, b"x") + padded(b"8 a=bc1\n") + header(b"a.txt", 0)
    return {
        "a member of 8 EiB that is passed over": header(b"a.bin", 2**63 - 1) + b"\0" * 1024,
        "an image of 8 EiB": header(b"a.png", 2**63 - 1) + b"\0" * 1024,
        "a text of 1 GiB, of which a byte is there": header(b"a.txt", 2**30) + b"\0" * 1024,
        "a sparse table of half a million numbers": header(b"x", len(sparse), b"x")
        + padded(sparse)
        + header(b"a.png", len(numbers) + 7)
        + padded(b"500000\n" + numbers),
        "records that say they are short": header(b"x", len(short), b"x") + padded(short),
        "a million digits": header(b"x", MB, b"x") + padded(b"9" * MB),
        "attributes that every member inherits": header(b"g", len(common), b"g") + padded(common) + member * 400,
        "long names of long names": (header(b"l", 1, b"L") + padded(b"a")) * (MB // 1024),
        "many members": header(b"a.txt", 0) * (MB // _BLOCK),
        "a name of 8 EiB": header(b"l", 2**62, b"L") + b"a" * MB,
    }


def lying_gzip(rng: random.Random, content: bytes) -> bytes:
    """A gzip file with a false length, checksum, header or many members."""
    packed = bytearray(gzip.compress(content, rng.choice((1, 9))))
    match rng.randrange(7):
        case 0:
            packed[-4:] = struct.pack("<I", rng.choice((0, 1, 2**32 - 1)))
        case 1:
            packed[-8:-4] = b"\0\0\0\0"
        case 2:
            packed[3] = rng.choice((4, 8, 16, 2, 0xFF))  # flags: an extra field, a name or a comment without end
        case 3:
            return gzip.compress(b"") * rng.choice((1, 1000)) + bytes(packed)
        case 4:
            return bytes(packed) + b"\0" * rng.choice((1, 100_000))
        case 5:
            return bytes(packed[: rng.randrange(len(packed))])
        case _:
            return damaged(bytes(packed), rng)
    return bytes(packed)


def lying_parquet(rng: random.Random) -> bytes:
    """A Parquet file in whose footer or pages numbers are replaced by others."""
    rows = rng.choice((1, 5, 50))
    images = pa.array([{"bytes": picture(0), "path": "0.png"}] * rows, HF_IMAGE)
    table = pa.table({"image": images, "caption": pa.array(["Ann"] * rows), "n": pa.nulls(rows, pa.int64())})
    stream = io.BytesIO()
    pq.write_table(table, stream, compression=rng.choice(("none", "zstd", "snappy")), use_dictionary=rng.random() < 0.5)
    content = bytearray(stream.getvalue())
    footer = struct.unpack("<I", content[-8:-4])[0]
    if rng.random() < 0.2:
        content[-8:-4] = struct.pack("<I", rng.choice((0, 1, 2**31, 2**32 - 1, len(content), footer + 1, footer - 1)))
        return bytes(content)
    start = len(content) - 8 - footer if rng.random() < 0.7 else 4
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(start, len(content) - 8)
        size = rng.choice((1, 1, 2, 5))
        content[at : at + size] = rng.choice((b"\xff" * size, b"\x7f" * size, b"\0" * size, rng.randbytes(size)))
    return bytes(content)


def lying_json(rng: random.Random) -> bytes:
    """JSON lines, or a list, with depth, length, numbers and texts that nobody wrote."""
    good = json.dumps({"image": "0.png", "caption": "Ann"}).encode()
    odd = [
        b'{"image": "0.png", "caption": ' + b"[" * rng.choice((50, 5000, 200_000)),
        b'{"image": "0.png", "caption": ' + b'{"a":' * rng.choice((50, 5000, 200_000)),
        b'{"image": "0.png", "caption": "' + b"x" * rng.choice((10, 10**5, 10**6)),
        b'{"image": "0.png", "caption": "Ann", "n": ' + b"9" * rng.choice((10, 4000, 5000, 10**6)) + b"}",
        b'{"image": "0.png", "caption": "' + b"&amp;" * 2000 + b'"}',
        b'{"image": "0.png", "caption": "' + b"&" + b"amp;" * 20_000 + b'"}',
        b'{"image": "0.png", "caption": "' + b"<" * 90_000 + b'"}',
        b'{"image": "0.png", "caption": "' + b" " * 90_000 + b'x"}',
        b'{"image": "0.png", "caption": "' + b"\\u0041" * 20_000 + b'"}',
        b'{"image": "0.png", "caption": ["' + b'", "'.join([b"a"] * rng.choice((2, 1001))) + b'"]}',
        b'{"image": "0.png"' + b', "caption": "Ann"' * 10_000 + b"}",
        b"[" * rng.choice((1, 1000, 200_000)),
        b"\0" * 1000,
        b"",
    ]
    lines = [good, rng.choice(odd), good]
    if rng.random() < 0.3:
        return b"[" + b",".join(lines) + rng.choice((b"]", b"", b",]", b"]]"))
    content = b"\n".join(lines) + b"\n"
    return damaged(content, rng) if rng.random() < 0.3 else content


def lying_image(rng: random.Random) -> bytes:
    """An image whose header gives other sizes than it holds, or holds tables without end."""
    form = rng.choice(("PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG", "AVIF"))
    stream = io.BytesIO()
    try:
        Image.new("RGB", (9, 7)).save(stream, form)
    except (OSError, KeyError):
        return b""
    content = bytearray(stream.getvalue())
    size = rng.choice((1, 2**15, 13_000, 2**16 - 1, 2**31 - 1, 2**32 - 1))
    at = {"PNG": (16, 20), "GIF": (6, 8), "BMP": (18, 22), "WEBP": (26, 28)}.get(form)
    if form == "PNG":
        content[16:24] = struct.pack(">II", size, rng.choice((1, 7, size)))
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    elif at is not None:
        for place in at:
            content[place : place + 2] = struct.pack("<H", size % 2**16)
    elif form == "PPM":
        return b"P%d %d %d 255\n" % (rng.choice((1, 2, 3, 4, 5, 6)), size, rng.choice((1, size))) + b"0 " * 1000
    for _ in range(rng.choice((0, 1, 2))):
        start = rng.randrange(len(content))
        content[start : start + 4] = rng.choice((b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0" * 4, rng.randbytes(4)))
    return bytes(content)


def slow_inputs() -> dict[str, tuple[dict[str, Any], bytes]]:
    """Files of about 1 MB, each with its dataset, on which a careless reader takes minutes."""
    tars = {name: ({"kind": "webdataset", "file": "x.tar"}, content) for name, content in slow_tars().items()}
    jsonl = {"kind": "jsonl", "file": "x.jsonl", "root": "images"}
    text = {"kind": "csv", "file": "x.csv", "root": "images"}
    zipped = {"kind": "csv", "file": "x.csv.gz", "root": "images"}

    def line(caption: bytes) -> bytes:
        return b'{"image": "0.png", "caption": "' + caption + b'"}\n'

    return {
        **tars,
        "JSON nested without end": (jsonl, b'{"a":' * (MB // 5)),
        "a list nested without end": (jsonl, b"[" * MB),
        "a text without end": (jsonl, b'{"image": "' + b"x" * MB),
        "an object of a million braces": (jsonl, b"[" + b"{}," * (MB // 3)),
        "entities in entities": (jsonl, line(b"&" + b"amp;" * (MB // 4))),
        "tags that never end": (jsonl, line(b"<" * 99_000) * 10),
        "spaces": (jsonl, line(b" " * 99_000 + b"x") * 10),
        "comments that never end": (jsonl, line(b"<!--" * 24_000) * 10),
        "quotation marks": (text, b"image,caption\n" + b'""' * (MB // 2)),
        "an open quotation mark": (text, b'image,caption\n0.png,"' + b"a\n" * (MB // 2)),
        "commas": (text, b"image,caption\n" + b"," * MB),
        "a gzip member for each byte": (zipped, gzip.compress(b"") * (MB // 20)),
        "a gzip name without end": (zipped, b"\x1f\x8b\x08\x08\0\0\0\0\0\xff" + b"a" * MB),
        "zeros after gzip": (zipped, gzip.compress(b"image,caption\n0.png,a\n") + b"\0" * MB),
        "a gzip bomb": (zipped, gzip.compress(b"\0" * (10**9), 9)[:MB]),
    }


def slow_images() -> dict[str, Callable[[], bytes]]:
    """Images of at most 1 MB that take long to decode."""
    most = MAX_SCANNED // 12_000**2
    return {
        "a JPEG of thousands of scans": _scans,
        "a JPEG of as many scans as may be": lambda: _scans(most),
        "a PNG just below the limit": _large_png,
        "a PNG of chunks": _chunks,
    }


def _scans(most: int = 10**6) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (12_000, 12_000)).save(stream, "JPEG", progressive=True, quality=1)
    content = stream.getvalue()
    last = content.rfind(b"\xff\xda")
    scan = content[last:-2]
    more = min((MB - len(content)) // len(scan), most - content.count(b"\xff\xda"))
    return content[:-2] + scan * more + b"\xff\xd9"


def _large_png() -> bytes:
    stream = io.BytesIO()
    Image.new("RGBA", (13_300, 13_300)).save(stream, "PNG", compress_level=9)
    return stream.getvalue()


def _chunks() -> bytes:
    whole = picture(0)
    kind, content = b"tEXt", b"a\0b"
    chunk = struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return whole[:33] + chunk * (MB // len(chunk)) + whole[33:]
