"""A dataset with all that strangers may have put into it, served once for all tests of the site."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from pipeline.shards.shard import Row
from tests.support.explanations import some_rows, write_explanations
from tests.support.site import Site, served

XSS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</textarea><script>alert(1)</script>",
    "</title><body onload=alert(1)>",
    "javascript:alert(1)",
    '<a href="javascript:alert(1)">x</a>',
    "{{ 7 * 191 }}{% for x in [] %}",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
]
LARGE, OUTSIDE, LINKED, MISSING, BROKEN = "p0001", "p0002", "p0003", "p0004", "p0006"
SECRET = "what lies outside of the image root"


def site_rows() -> list[Row]:
    rows = {row.id: row for row in some_rows(200)}
    rows[LARGE] = replace(rows[LARGE], image="large.png")
    rows[OUTSIDE] = replace(rows[OUTSIDE], image="../secret.png")
    rows[LINKED] = replace(rows[LINKED], image="link.png")
    rows[MISSING] = replace(rows[MISSING], image="nowhere/<b>.png")
    rows[BROKEN] = replace(rows[BROKEN], image="broken.png")
    for number, text in enumerate(XSS):
        row = rows[f"p{100 + number:04d}"]
        labels = {"topic": text, "model": text, "revision": text, "error": text, "finish_reason": text}
        texts = {"caption": text, "explanation": f"says {text}", "raw_text": f"said {text}"}
        rows[row.id] = replace(row, id=f"xss-{number} {text}", image=f"{text}.png".replace("/", "_"), **labels, **texts)
    return list(rows.values())


@pytest.fixture(scope="package")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    images = folder / "images"
    images.mkdir()
    for row in site_rows():
        if not row.image.startswith(("..", "nowhere", "link", "broken", "large")):
            Image.new("RGB", (40, 20), (row.seed % 256, 99, 200)).save(images / row.image)
    Image.new("L", (5000, 3000)).save(images / "large.png")
    Image.new("RGB", (30, 30)).save(folder / "secret.png")
    (images / "link.png").symlink_to(folder / "secret.png")
    (images / "broken.png").write_text("no image", encoding="utf-8")
    (folder / "secret.csv").write_text(SECRET, encoding="utf-8")
    write_explanations(folder / "explanations", site_rows(), image_root=str(images), dataset=XSS[0])
    return folder


@pytest.fixture(scope="package")
def site(dataset: Path) -> Iterator[Site]:
    with served(dataset) as found:
        yield found
