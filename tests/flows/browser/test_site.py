"""The site as a program sees it: the right rows, nothing besides, and nobody's but the person's own questions."""

import html
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from pipeline.shards.shard import Row
from tests.flows.browser.conftest import BROKEN, LARGE, LINKED, MISSING, OUTSIDE, SECRET, site_rows
from tests.support.site import Site

ROWS = {row.id: row for row in site_rows()}


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.address, timeout=60) as found:
        yield found


def _ids(page: str) -> list[str]:
    """Ids of the rows of a page, from the addresses of their pictures."""
    links = re.findall(r'src="(/image\?[^"]+)"', page)
    return [httpx.URL(html.unescape(link)).params["id"] for link in links]


def _walk(client: httpx.Client, address: str, relation: str = "next") -> tuple[list[str], list[str]]:
    """Ids of all rows that are come to by following links, and the addresses."""
    ids: list[str] = []
    addresses: list[str] = []
    while True:
        page = client.get(address)
        assert page.status_code == 200, page.text
        ids += _ids(page.text)
        addresses.append(address)
        found = re.search(rf'href="([^"]+)" rel="{relation}"', page.text)
        if found is None:
            return ids, addresses
        address = html.unescape(found[1])


@pytest.mark.parametrize(
    ("query", "meets"),
    [
        ({}, lambda row: True),
        ({"split": "test"}, lambda row: row.split == "test"),
        ({"split": "train", "status": "truncated"}, lambda row: (row.split, row.status) == ("train", "truncated")),
        ({"where": "clip_tokens > 40 -- a comment"}, lambda row: (row.clip_tokens or 0) > 40),
        (
            {"where": "explanation IS NULL OR topic = 'sport'", "split": "val"},
            lambda row: row.split == "val" and (row.explanation is None or row.topic == "sport"),
        ),
        ({"where": "id = ')'  OR (1 = 2)"}, lambda row: False),
    ],
)
def test_following_the_pages_meets_every_row_that_is_meant_once(
    client: httpx.Client, query: dict[str, str], meets: Callable[[Row], bool]
) -> None:
    meant = {row.id for row in ROWS.values() if meets(row)}
    ids, addresses = _walk(client, "/?" + str(httpx.QueryParams({**query, "per": "12"})))
    assert sorted(ids) == sorted(meant)
    assert len(addresses) == max(1, -(-len(meant) // 12))
    back, _ = _walk(client, addresses[-1], "prev")
    assert sorted(back) == sorted(ids)
    assert (f"{len(meant)} rows" if meant else "No matching rows") in client.get(addresses[0]).text


def test_orders(client: httpx.Client) -> None:
    by_id, _ = _walk(client, "/?order=id&per=96")
    assert by_id == sorted(ROWS)
    longest, _ = _walk(client, "/?order=longest&per=96")
    tokens = [ROWS[one].clip_tokens for one in longest]
    known = [count for count in tokens if count is not None]
    assert tokens == [*sorted(known, reverse=True), *[None] * (len(tokens) - len(known))]
    beyond = client.get("/?order=id&per=96&page=999999999999")
    assert _ids(beyond.text) == by_id[192:]


def test_labels_say_how_many_rows_they_lead_to(client: httpx.Client) -> None:
    for where in ("", "clip_tokens > 40"):
        page = client.get("/", params={"where": where, "split": "train"}).text
        statuses = {}
        for link, label, count in re.findall(r'<a href="([^"]+)" [^>]*>(\w+) <small>([\d,]+)</small>', page):
            if label not in ("train", "val", "test"):
                statuses[label] = int(count)
            assert f"{count} row" in client.get(html.unescape(link)).text
        meant = [
            row.status for row in ROWS.values() if row.split == "train" and (not where or (row.clip_tokens or 0) > 40)
        ]
        assert statuses == {status: meant.count(status) for status in set(meant)}


def test_a_row_is_found_by_its_id(client: httpx.Client) -> None:
    found = client.get("/find", params={"id": "p0042"}, follow_redirects=True)
    assert found.url.path == "/row" and "<h1>p0042</h1>" in found.text
    several = client.get("/find", params={"id": "p004"}, follow_redirects=True)
    assert set(_ids(several.text)) == {one for one in ROWS if one.startswith("p004")}
    hostile = next(one for one in ROWS if one.startswith("xss-2"))  # it has an apostrophe
    assert client.get("/find", params={"id": hostile}, follow_redirects=True).url.path == "/row"
    none = client.get("/find", params={"id": "' OR true --"}, follow_redirects=True)
    assert none.status_code == 200 and "No matching rows" in none.text


def test_sql_reads_the_rows_and_nothing_besides(client: httpx.Client, dataset: Path) -> None:
    before = sorted(dataset.rglob("*"))
    for where in (
        "id IN (SELECT content FROM read_text('/etc/passwd'))",
        f"EXISTS (SELECT * FROM read_csv('{dataset}/secret.csv'))",
        f"EXISTS (SELECT * FROM '{dataset}/secret.csv')",
        "true); DROP VIEW rows; SELECT (true",
        "true); DROP TABLE selection_0; --",
        f"true); COPY (SELECT 1) TO '{dataset}/written.csv'; --",
        f"true); ATTACH '{dataset}/written.db'; SELECT (true",
        "true); PRAGMA enable_profiling; SELECT (true",
        "true); SET memory_limit = '100GB'; SELECT (true",
        "true) UNION ALL SELECT '../../secret.png', 'ok', 'x', 'y', 1, 1 WHERE (true",
        "true) LIMIT (1",
        "(SELECT error('<b>no</b>')) IS NULL",
        "id = ",
        "no_such_column",
        "x" * 5_000,
    ):
        page = client.get("/", params={"where": where})
        assert page.status_code == 400, where
        assert 'role="alert"' in page.text and not _ids(page.text), where
        assert SECRET not in page.text, where
        assert "Traceback" not in page.text and "<b>no</b>" not in page.text
    assert len(_ids(client.get("/", params={"where": "status = 'ok'", "per": "12"}).text)) == 12
    assert sorted(dataset.rglob("*")) == before


def test_who_has_gone_leaves_no_query_behind(client: httpx.Client) -> None:
    endless = "(SELECT max(md5(concat(a.range, b.range))) FROM range(100000) a, range(100000) b) = ''"
    with pytest.raises(httpx.ReadTimeout):
        client.get("/", params={"where": endless}, timeout=0.5)
    after = client.get("/", params={"where": "status = 'ok'"}, timeout=15)  # a query may take 20 s
    assert after.status_code == 200


def test_pictures_are_of_rows_and_bounded(client: httpx.Client) -> None:
    shards = {}
    for address in _walk(client, "/?per=96")[1]:
        for link in re.findall(r'src="(/image\?[^"]+)"', client.get(address).text):
            params = httpx.URL(html.unescape(link)).params
            shards[params["id"]] = params["shard"]

    def picture(row_id: str, size: str = "small") -> httpx.Response:
        return client.get("/image", params={"shard": shards[row_id], "id": row_id, "size": size})

    for size, longest in (("small", 192), ("large", 1200)):
        found = picture(LARGE, size)
        assert found.headers["content-type"] == "image/jpeg" and found.headers["x-content-type-options"] == "nosniff"
        assert Image.open(io.BytesIO(found.content)).size == (longest, longest * 3 // 5)
    assert Image.open(io.BytesIO(picture("p0010", "large").content)).size == (40, 20)
    for row_id, why in ((OUTSIDE, "outside"), (LINKED, "outside"), (MISSING, "no such image"), (BROKEN, "cannot be")):
        found = picture(row_id)
        assert found.headers["content-type"] == "image/svg+xml" and "no picture" in found.text, row_id
        page = client.get("/row", params={"shard": shards[row_id], "id": row_id})
        assert why in page.text and "<b>.png" not in page.text
    for params in (
        {"shard": "../images", "id": LARGE},
        {"shard": "/etc/passwd", "id": ""},
        {"shard": shards[LARGE], "id": "../secret.png"},
        {"shard": shards[LARGE] + "\0", "id": LARGE},
        {"shard": shards[LARGE], "id": LARGE, "size": "../large"},
        {},
    ):
        assert client.get("/image", params=params).status_code == 404, params


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.csv",
        "/%2e%2e/secret.csv",
        "/style.css/../../../etc/passwd",
        "//etc/passwd",
        "/docs",
        "/openapi.json",
    ],
)
def test_no_path_leads_elsewhere(client: httpx.Client, path: str) -> None:
    found = client.get(httpx.URL(str(client.base_url).rstrip("/") + path))
    assert found.status_code == 404 and "root:" not in found.text and SECRET not in found.text


def test_only_the_persons_own_browser_is_answered(client: httpx.Client) -> None:
    port = client.base_url.port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}", "localhost:9"):  # the last: a tunnel
        assert client.get("/", headers={"host": host}).status_code == 200, host
    for host in (
        "evil.example",
        f"evil.example:{port}",
        "127.0.0.1.evil.example",
        "",
        "192.168.0.7",
        "[",
        "localhost@x",
    ):
        assert client.get("/", headers={"host": host}).status_code == 421, host
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE"):
        assert client.request(method, "/").status_code == 405, method
    foreign = {"sec-fetch-site": "cross-site"}
    image = {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
    frame = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}
    link = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert [client.get("/", headers=foreign | how).status_code for how in (image, frame, link)] == [403, 403, 200]
    assert client.get("/", params={"split": "x" * 20_000}).status_code == 414


def test_every_answer_forbids_what_a_page_could_do(client: httpx.Client) -> None:
    for path in ("/", "/row", "/nowhere", "/image", "/style.css", "/?where=nonsense"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; img-src 'self'; style-src 'self';") and "script" not in policy
        assert headers["x-content-type-options"] == "nosniff" and "server" not in headers


def test_what_cannot_be_seen_is_shown(client: httpx.Client) -> None:
    pages = "".join(client.get(address).text for address in _walk(client, "/?per=96")[1])
    assert not re.search("[\x00-\x09\x0b-\x1f\u202a-\u202e\u2066-\u2069\u200b]", pages)
    assert all(escape in pages for escape in (r"\x1b", r"\x00", r"\u202e", r"\u200b"))
