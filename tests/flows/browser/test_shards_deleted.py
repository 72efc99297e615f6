"""Shards that are deleted while they are served."""

import asyncio
from pathlib import Path

import httpx

from flows.browser.app import make_app
from flows.browser.contents import open_contents
from pipeline.inspect.query_process import QueryProcess
from tests.support.explanations import some_rows, write_explanations


def test_pages_of_shards_that_are_deleted_say_so(tmp_path: Path) -> None:
    write_explanations(tmp_path, some_rows(40))
    contents = open_contents(str(tmp_path), {})
    summary = contents.summary
    names = [look.name for look in summary.looks]
    with QueryProcess(summary.found, names) as queries:
        app = make_app(contents, queries, "127.0.0.1")
        for file in tmp_path.rglob("*.parquet"):
            file.unlink()

        async def pages() -> list[httpx.Response]:
            transport = httpx.ASGITransport(app, raise_app_exceptions=True)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                queries = ["/", f"/row?shard={names[0]}&id=p0000", f"/image?shard={names[0]}&id=p0000"]
                return [await client.get(query) for query in queries]

        for answer in asyncio.run(pages()):
            assert answer.status_code in (400, 404)
            assert "the file is gone: deleted, or replaced by another one" in answer.text
