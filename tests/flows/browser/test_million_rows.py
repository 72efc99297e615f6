"""A million rows: any page, any order, any condition, within a memory that does not grow."""

import html
import re
import subprocess
from pathlib import Path

import httpx
import pytest

from benchmarks.inspection import write_shards
from tests.support.site import served


def _peak_mib(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) // 1024  # type: ignore[index]


@pytest.mark.slow
def test_a_million_rows_in_bounded_memory(tmp_path: Path) -> None:
    write_shards(tmp_path, 1_000_000, 2_500)
    with served(tmp_path) as site, httpx.Client(base_url=site.address, timeout=60) as client:

        def ids(**query: object) -> list[str]:
            page = client.get("/", params={name: str(value) for name, value in query.items()})
            assert page.status_code == 200, page.text
            return re.findall(r"<h2><a [^>]*>([^<]+)</a></h2>", html.unescape(page.text))

        assert len(ids()) == 24
        before = _peak_mib(site.process.pid)
        assert ids(order="id", page=20_000) == [f"pair-{19_999 * 24 + n:08d}" for n in range(24)]
        assert len({one for page in range(1, 41_667, 1_000) for one in ids(page=page)}) == 42 * 24
        for where in ("status = 'truncated'", "explanation ILIKE '% et%ta %'", "length(caption) > 20", "seed % 2 = 0"):
            assert len(ids(where=where, order="longest", page=100)) == 24
        assert len(ids(where="starts_with(id, 'pair-0077777')")) == 10
        children = subprocess.run(["pgrep", "-P", str(site.process.pid)], capture_output=True, text=True, check=True)
        (query,) = children.stdout.split()
        assert _peak_mib(site.process.pid) < before + 150
        assert _peak_mib(int(query)) < 2048
