"""The site as a person sees it, in a real browser."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page

from tests.flows.browser.conftest import XSS, site_rows
from tests.support.browser import Visit, visit, wait_until
from tests.support.site import Site

ROWS = site_rows()


@pytest.fixture(params=[(1280, "light"), (390, "dark")], ids=["desktop", "phone"])
def seen(request: pytest.FixtureRequest, chromium: Browser, site: Site) -> Iterator[Visit]:
    """The first page; in the end nothing was wrong on any page that was visited."""
    width, scheme = request.param
    with visit(chromium, site.address, width=width, scheme=scheme) as found:
        yield found
        assert not found.errors and not found.dialogs and not found.refused
        assert all(address.startswith(site.address) for address in found.requests)


def go(to: Locator) -> None:
    """Click what leads to another page, and wait for it."""
    with to.page.expect_navigation():
        to.click()


def _ids(page: Page) -> list[str]:
    return page.locator("ol.rows h2").all_text_contents()


def _fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def _shown(page: Page) -> list[int]:
    """Widths in pixels of all pictures, as decoded by the browser."""
    for picture in page.locator("img").all():
        picture.scroll_into_view_if_needed()  # they are loaded lazily
    wait_until(page, "[...document.images].every(one => one.complete && one.naturalWidth > 0)")
    return list(page.evaluate("[...document.images].map(one => one.naturalWidth)"))


def test_paging_and_labels(seen: Visit) -> None:
    page = seen.page
    assert "200 rows" in page.inner_text(".total") and _fits(page)
    first = _ids(page)
    assert len(first) == 24
    go(page.get_by_role("link", name="Next").first)
    second = _ids(page)
    assert len(second) == 24 and not set(first) & set(second)
    go(page.get_by_role("link", name="Previous").first)
    assert _ids(page) == first
    go(page.get_by_role("navigation", name="Status").get_by_role("link", name=re.compile("truncated")))
    meant = sum(row.status == "truncated" for row in ROWS)
    assert f"{meant} rows" in page.inner_text(".total")
    assert set(page.locator("ol.rows .status").all_text_contents()) == {"truncated"}
    link = page.url
    page.goto(link)  # a permanent one
    assert f"{meant} rows" in page.inner_text(".total") and _fits(page)


def test_a_condition_and_what_is_wrong_with_one(seen: Visit) -> None:
    page = seen.page
    box = page.get_by_label("Condition")
    box.fill("clip_tokens > 60")
    page.get_by_label("Order").select_option("longest")
    page.get_by_label("Rows per page").select_option("12")
    go(page.get_by_role("button", name="Show"))
    assert f"{sum((row.clip_tokens or 0) > 60 for row in ROWS)} rows" in page.inner_text(".total")
    assert box.input_value() == "clip_tokens > 60" and len(_ids(page)) == 12
    box.fill("clip_token > 60")
    go(page.get_by_role("button", name="Show"))
    assert "clip_token" in page.get_by_role("alert").inner_text()
    assert page.get_by_role("alert").get_attribute("id") == box.get_attribute("aria-describedby")
    assert box.input_value() == "clip_token > 60" and not _ids(page) and _fits(page)
    assert [error for error in seen.errors if "400" not in error] == []
    seen.errors.clear()  # Chromium tells of the answer 400


def test_a_row_with_its_picture_and_those_beside_it(seen: Visit) -> None:
    page = seen.page
    page.get_by_label("Condition").fill("id BETWEEN 'p0010' AND 'p0014'")
    page.get_by_label("Order").select_option("id")
    go(page.get_by_role("button", name="Show"))
    assert _shown(page) == [40] * 5
    go(page.get_by_role("link", name="p0011", exact=True))
    row = next(row for row in ROWS if row.id == "p0011")
    assert page.get_by_role("heading", level=1).inner_text() == "p0011"
    assert row.caption in page.inner_text("main") and row.key in page.inner_text("main")
    assert _shown(page) == [40] and _fits(page)
    go(page.get_by_role("link", name="Next"))
    go(page.get_by_role("link", name="Previous"))
    go(page.get_by_role("link", name="of the list"))
    assert _ids(page) == ["p0010", "p0011", "p0012", "p0013", "p0014"]


def test_what_strangers_wrote_stays_text(seen: Visit, site: Site) -> None:
    page = seen.page
    page.goto(f"{site.address}?where=starts_with(id, 'xss-')&order=id")
    assert len(_ids(page)) == len(XSS)
    assert page.locator("ol.rows .caption").all_text_contents() == XSS and _fits(page)
    for number, text in enumerate(XSS):
        page.get_by_label("Row id").fill(f"xss-{number} {text}")
        go(page.get_by_role("button", name="Find"))
        assert page.locator("section p.text").first.inner_text() == text
        assert page.locator("dl dd", has_text=text).count() >= 3 and _fits(page)
        assert page.locator("script, iframe, svg, [onerror], [onload], a[href^=javascript]").count() == 0
    page.goto(f"{site.address}?split=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&status=%3Cimg src=x onerror=alert(1)%3E")
    assert "No matching rows" in page.inner_text(".total")


def test_by_keyboard(seen: Visit) -> None:
    page = seen.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    names = page.evaluate("""[...document.querySelectorAll('input:not([type=hidden]), select, textarea, button')]
        .map(one => (one.labels[0]?.textContent || one.textContent).trim())""")
    assert len(names) == 7 and all(names)
