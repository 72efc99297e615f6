"""The page in a real browser: quiet, self-contained, filtered, readable, and harmless whatever it shows."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from model.report.sources import find_sources
from model.report.text import shown
from model.report.write import write_page
from tests.model.report.hostile import ATTACKS, write_hostile, write_small
from tests.model.shard_writer import row, write_receipts, write_shard
from tests.support.browser import visit, wait_until


def make(path: Path, *places: Path, title: str = "tiny") -> Path:
    return write_page(path, title, find_sources(places)).path


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hostile")
    return make(root / "report.html", write_hostile(root), title=ATTACKS[4])


@pytest.fixture(scope="module")
def small_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("small")
    return make(root / "report.html", write_small(root))


@pytest.fixture
def small(chromium: Browser, small_page: Path) -> Iterator[Page]:
    with visit(chromium, small_page) as found:
        yield found.page
        assert not found.errors and found.requests == [small_page.as_uri()]


def test_attacks_stay_text(chromium: Browser, hostile_page: Path) -> None:
    with visit(chromium, hostile_page) as found:
        page = found.page
        page.locator("summary").first.click()
        page.mouse.move(300, 300)
        page.locator("#triples .card").first.hover()
        assert page.evaluate("window.pwned") is None
        tags = page.evaluate("[...new Set([...document.querySelectorAll('*')].map(e => e.localName))]")
        counts = page.evaluate(
            "Object.fromEntries(['script', 'style', 'meta', 'link', 'form', 'title', 'body', 'iframe', 'svg', 'math',"
            " 'base', 'noscript', 'textarea'].map(name => [name, document.querySelectorAll(name).length]))"
        )
        once = ("script", "style", "link", "form", "title", "body")
        assert {name: counts[name] for name in counts if counts[name]} == {**dict.fromkeys(once, 1), "meta": 4}
        assert not set(tags) & {"object", "embed", "video", "audio", "animate", "mglyph", "frame"}
        handlers = (
            "[...document.querySelectorAll('*')].flatMap(e => [...e.attributes]).filter(a => /^on/i.test(a.name))"
        )
        assert page.evaluate(f"{handlers}.length") == 0
        assert page.evaluate("[...document.images].every(i => i.src.startsWith('data:image/'))")
        assert page.evaluate("[...document.links].every(a => a.getAttribute('href').startsWith('#'))")
        captions = page.locator("#triples .caption").all_text_contents()
        for attack in ATTACKS:  # every one of them, long ones cut
            assert any(caption.startswith(shown(attack[:200])) for caption in captions)
        assert page.title().startswith(ATTACKS[4])
        broken = page.locator("#triples .nothing").all_text_contents()
        assert any("cannot identify image file './broken.png'" in text for text in broken)  # no folder of this machine
        assert any("is outside the image root" in text for text in broken)
    assert not found.errors and not found.dialogs and found.requests == [hostile_page.as_uri()]


def test_nothing_of_a_text_hides_or_turns_its_neighbours(hostile_page: Path) -> None:
    text = hostile_page.read_text(encoding="utf-8")
    assert "\\u202egnp.exe\\u202c" in text and "\\x00\\x01\\x1b[31m" in text and "\\u2067r" in text
    assert not {"\u202e", "\u2066", "\u2067", "\u061c", "\x00", "\x1b", "\u2028"} & set(text)
    assert "\U0001f469\u200d\U0001f469" in text  # joiners are part of what is written


def test_the_pages_own_policy_stops_what_would_get_through(chromium: Browser, small_page: Path) -> None:
    with visit(chromium, small_page) as found:
        page = found.page
        page.evaluate("""() => {
            const script = document.createElement('script');
            script.textContent = 'window.pwned = 1';
            const picture = new Image();
            picture.src = 'http://evil.example/picture.png';
            const link = document.createElement('a');
            link.href = 'javascript:window.pwned = 1';
            document.body.append(script, picture, link);
            link.click();
            document.body.insertAdjacentHTML('beforeend', '<img src=data: onerror="window.pwned = 1">');
            document.body.lastElementChild.addEventListener('error', () => { document.title = 'all tried'; });
        }""")
        wait_until(page, "document.title === 'all tried'")
        assert page.evaluate("window.pwned") is None
    assert found.requests == [small_page.as_uri()]
    assert sum("Content Security Policy" in error for error in found.errors) == 4


def test_filters(small: Page) -> None:
    cards, said = small.locator("#triples > li:visible"), small.locator("#shown")
    total = small.locator("#triples > li").count()
    expect(said).to_have_text(f"Showing {total} of {total}")
    assert said.get_attribute("aria-live") == "polite"
    small.get_by_role("combobox", name="Status").select_option("truncated")
    expect(said).to_have_text(f"Showing {cards.count()} of {total}")
    assert 0 < cards.count() < total
    assert set(cards.locator(".tag:first-child").all_text_contents()) == {"truncated"}
    small.get_by_role("combobox", name="Split").select_option("val")
    expect(cards).to_have_count(1)
    small.get_by_role("button", name="Show all").first.click()
    expect(cards).to_have_count(total)

    small.get_by_role("searchbox", name="Text").fill("NAME7 blue lord")  # all words, in any order and case
    red = small.locator("#triples > li", has_text="name7 a red")
    assert red.count() > 0
    expect(small.locator("#none")).to_be_visible()
    expect(said).to_have_text(f"Showing 0 of {total}")
    small.get_by_role("searchbox", name="Text").fill("name7 red")
    expect(small.locator("#none")).to_be_hidden()
    expect(cards).to_have_count(red.count())
    small.get_by_role("searchbox", name="Text").fill("truncated")  # the words of the triple, not of its labels
    expect(cards).to_have_count(0)
    small.locator("#none button").click()
    expect(cards).to_have_count(total)


def test_a_keyboard_reaches_everything_and_shows_where_it_is(small: Page) -> None:
    small.keyboard.press("Tab")
    assert small.evaluate("document.activeElement.className") == "skip"
    small.keyboard.press("Enter")
    assert small.evaluate("document.activeElement.id") == "main"
    reached = []
    for _ in range(60):
        small.keyboard.press("Tab")
        what = small.evaluate(
            "(e => [e.name || e.getAttribute('aria-label') || e.textContent, getComputedStyle(e).outlineStyle])"
            "(document.activeElement)"
        )
        reached.append(what[0])
        assert what[1] != "none", what
        if what[0] == "Show all":
            break
    assert reached[-4:] == ["status", "split", "words", "Show all"]
    assert "Rows by status and split" in reached and any(name.startswith("Numbers of") for name in reached)
    levels = small.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.localName[1])")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert small.evaluate("[...document.images].every(i => i.alt)")


@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_and_can_be_read_in_light_and_dark(chromium: Browser, hostile_page: Path, width: int) -> None:
    seen: list[Any] = []
    for scheme in ("light", "dark"):
        with visit(chromium, hostile_page, width=width, scheme=scheme) as found:
            page = found.page
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            for element in page.locator("details").all():
                element.evaluate("e => e.open = true")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            low = page.evaluate(_LOW_CONTRAST)
            assert not low, low
            colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
            seen.append((colour, page.locator("figure img").first.evaluate("i => i.currentSrc")))
    assert seen[0][0] != seen[1][0] and seen[0][1] != seen[1][1]


# WCAG 2: relative luminance of each text and of what is behind it
_LOW_CONTRAST = """() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = parts(colour).map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const low = [];
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !e.getClientRects().length) continue;
    let back = e;
    while (back && parts(getComputedStyle(back).backgroundColor)[3] === 0) back = back.parentElement;
    const both = [getComputedStyle(e).color, getComputedStyle(back).backgroundColor].map(luminance);
    const ratio = (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
    if (ratio < 4.5) low.push(`${e.localName}.${e.className} ${ratio.toFixed(2)}`);
  }
  return [...new Set(low)];
}"""


def test_print_leaves_out_what_only_a_screen_can_do(small: Page) -> None:
    small.emulate_media(media="print", color_scheme="dark")
    assert small.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    expect(small.locator("#filter")).to_be_hidden()
    expect(small.locator("#triples > li").first).to_be_visible()
    assert small.pdf().startswith(b"%PDF")


def test_half_made_and_damaged_explanations_say_so(chromium: Browser, tmp_path: Path) -> None:
    folder = write_small(tmp_path, broken="val")
    with visit(chromium, make(tmp_path / "report.html", folder)) as found:
        text = found.page.inner_text("main")
        assert "val/part-00000-of-00001.parquet cannot be read" in text
        assert "incomplete: _receipts has no receipts" in text
        assert set(found.page.get_by_role("combobox", name="Split").locator("option").all_text_contents()) == {
            "all",
            "train",
            "test",
        }
    assert not found.errors


def test_explanations_that_all_failed(chromium: Browser, tmp_path: Path) -> None:
    bad = {"explanation": None, "raw_text": None, "clip_tokens": None, "status": "error", "error": "no server"}
    write_shard(tmp_path / "e", "train", [row(n, "train", **bad) for n in range(3)], tmp_path)
    with visit(chromium, make(tmp_path / "report.html", tmp_path / "e")) as found:
        assert "0 of 3 explanations are valid (0.0 %)" in found.page.inner_text(".verdict")
        assert "3 of 3 (100.0 %)" in found.page.inner_text("#generation h4")
        assert found.page.locator(".failures li").count() == 3 and found.page.locator("#triples > li").count() == 3
    assert not found.errors
    assert not (tmp_path / "report_plots").exists()


@pytest.mark.slow
def test_two_hundred_large_noisy_photographs(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    for number in range(8):
        pixels = noise.integers(0, 256, (1500, 2000, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.jpg", quality=95)
    long = {"caption": "\u6587" * 5000, "explanation": "\u6587" * 50_000}
    rows = [row(n, "test", image={"bytes": None, "path": f"{n % 8}.jpg"}, **long) for n in range(230)]
    write_shard(tmp_path / "e", "test", rows, tmp_path)
    write_receipts(tmp_path / "e")
    page = make(tmp_path / "report.html", tmp_path / "e")
    assert page.read_text(encoding="utf-8").count('<li class="card"') == 200
    assert 1_000_000 < page.stat().st_size < 15_000_000
