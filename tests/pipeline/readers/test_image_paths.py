import unicodedata
from collections import Counter
from pathlib import Path

from PIL import Image

from entityclip.contract.image_rules import FORMATS
from pipeline.readers import image_paths
from pipeline.readers.image_paths import BACKSLASHES, PERCENT, REPEATED, UNICODE, URLS, ImagePaths
from pipeline.readers.names import IMAGE_ENDINGS
from tests.support.own_data import put


def test_paths_are_found_as_they_are_meant(tmp_path: Path) -> None:
    root = tmp_path / "data" / "img"
    nfd = unicodedata.normalize("NFD", "é")
    for name in ("sub/a.jpg", "my pic.jpg", f"caf{nfd}.jpg", "100%25.jpg", "img/b.jpg", "b\\c.jpg", f"sub/{nfd} 1.jpg"):
        put(root / name, b"x")
    changes: Counter[str] = Counter()
    paths = ImagePaths(str(root), changes)
    expected = {
        "sub/a.jpg": "sub/a.jpg",
        "sub\\a.jpg": "sub/a.jpg",
        ".\\sub\\a.jpg": "sub/a.jpg",
        "my%20pic.jpg": "my pic.jpg",
        "100%25.jpg": "100%25.jpg",  # its own name
        "café.jpg": f"caf{nfd}.jpg",
        "img/sub/a.jpg": "sub/a.jpg",
        "data/img/sub/a.jpg": "sub/a.jpg",
        "./img/sub/a.jpg": "sub/a.jpg",
        "img/b.jpg": "img/b.jpg",  # it is there
        "b\\c.jpg": "b\\c.jpg",
        "img\\sub\\é%201.jpg": f"sub/{nfd} 1.jpg",
        str(root / "sub" / "a.jpg"): "sub/a.jpg",
        f"file://{root}/my%20pic.jpg": "my pic.jpg",
        "https://x.org//a.jpg": "https://x.org//a.jpg",
        "..\\img\\sub\\a.jpg": "..\\img\\sub\\a.jpg",
        "gone\\a.jpg": "gone\\a.jpg",
    }
    assert {path: paths.below(path) for path in expected} == expected
    assert changes == {BACKSLASHES: 3, PERCENT: 2, UNICODE: 2, REPEATED: 4, URLS: 1}


def test_urls_below_the_root_and_lookups_that_lead_nowhere(tmp_path: Path) -> None:
    remote = ImagePaths("https://x.org/images/", Counter())
    assert remote.below("https://x.org/images/a/1.jpg") == "a/1.jpg"
    assert remote.below("a\\1.jpg") == "a\\1.jpg"
    put(tmp_path / "a" / "1.jpg", b"x")
    paths = ImagePaths(str(tmp_path), Counter())
    for number in range(image_paths._LOOKED_UP):
        paths.below(f"gone\\{number}.jpg")
    assert paths.below("a\\1.jpg") == "a\\1.jpg"  # no longer looked up


def test_the_endings_are_those_of_the_formats() -> None:
    Image.init()
    assert sorted(IMAGE_ENDINGS) == sorted(
        end for end, form in Image.registered_extensions().items() if form in FORMATS
    )
