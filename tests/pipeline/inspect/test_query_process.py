"""Whatever the SQL, its process answers, says why not, or is ended; and the next question is answered."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.inspect import query_process
from pipeline.inspect.query_process import QueryProcess, Stopped
from pipeline.inspect.rows import stored_page
from pipeline.inspect.selections import ORDERS, Wish
from pipeline.inspect.summary import Summary, summarise
from tests.support.explanations import counted, some_rows, write_explanations

_ROWS = some_rows(200)


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    folder = tmp_path_factory.mktemp("out")
    write_explanations(folder, _ROWS)
    found = summarise(folder)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def queries(summary: Summary) -> Iterator[QueryProcess]:
    with QueryProcess(summary.found, [look.name for look in summary.looks]) as found:
        yield found


def _works(queries: QueryProcess) -> bool:
    ok = [row for row in _ROWS if row.status == "ok"]
    return queries.counts("status = 'ok'") == counted(ok)


@pytest.mark.parametrize(
    "where",
    [
        "(SELECT count(*) FROM range(1000000000) a, range(1000000000) b) > 1",
        "(WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t) > 1",
        "(SELECT max(md5(concat(a.range, b.range))) FROM range(100000) a, range(100000) b) = ''",
        "list_sum(list_transform(range(5000000), lambda x: len(list_transform(range(1000), lambda y: x + y)))) > 1",
    ],
)
def test_what_does_not_end_is_stopped(queries: QueryProcess, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    assert _works(queries)
    monkeypatch.setattr(query_process, "SECONDS", 0.5)
    with pytest.raises((Stopped, PipelineError), match=r"more than|[Mm]emory"):
        queries.counts(where)
    monkeypatch.undo()
    assert _works(queries)


@pytest.mark.parametrize(
    "where",
    [
        "len(range(300000000)) > 1",
        "len(repeat(caption, 1000000000)) > 1",
        "(SELECT max(len(l)) FROM (SELECT list(range) AS l FROM range(2000000000))) > 1",
        "(SELECT max(len(t)) FROM (SELECT string_agg(repeat('a', 1000), '') AS t FROM range(100000000))) > 1",
    ],
)
def test_what_asks_for_too_much_memory_gets_none(queries: QueryProcess, where: str) -> None:
    assert _works(queries)
    assert queries._process is not None
    process = queries._process.pid
    with pytest.raises(PipelineError, match=r"[Mm]emory|larger|[Oo]ut of [Rr]ange|size"):
        queries.counts(where)
    status = Path(f"/proc/{process}/status")
    if status.exists():
        peak = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        assert int(peak.split()[1]) < 2 << 20  # KiB
    assert _works(queries)


def test_who_has_gone_is_not_waited_for(queries: QueryProcess) -> None:
    with pytest.raises(Stopped):
        queries.counts("(SELECT max(md5(range::VARCHAR)) FROM range(100000000000)) = ''", lambda: True)
    assert _works(queries)


def test_a_process_that_was_killed_is_started_again(queries: QueryProcess) -> None:
    assert _works(queries)
    assert queries._process is not None
    queries._process.kill()
    with pytest.raises(PipelineError, match="ended with exit code"):
        _works(queries)
    assert _works(queries)


def test_more_conditions_than_are_kept(queries: QueryProcess) -> None:
    for round_ in range(2):
        for least in range(10, 90, 10):
            meant = [row for row in _ROWS if (row.clip_tokens or 0) > least]
            where = f"clip_tokens > {least}"
            assert queries.counts(where) == counted(meant), round_
            found = queries.page(Wish(where, split="train", order="id"), 3, 5)
            assert found["id"].to_pylist() == sorted(row.id for row in meant if row.split == "train")[3:8]


@pytest.mark.parametrize("order", ORDERS)
def test_pages_of_every_order_join_to_all_rows(queries: QueryProcess, order: str) -> None:
    ids = [one for begin in range(0, 210, 30) for one in queries.page(Wish(order=order), begin, 30)["id"].to_pylist()]
    assert sorted(ids) == sorted(row.id for row in _ROWS)


@pytest.mark.parametrize(("split", "status"), [("", ""), ("val", ""), ("", "truncated"), ("train", "error"), ("x", "")])
def test_stored_order_is_that_of_sql(summary: Summary, queries: QueryProcess, split: str, status: str) -> None:
    meant = queries.page(Wish(split=split, status=status), 0, 200).to_pylist()
    found = [one for begin in range(0, 210, 7) for one in stored_page(summary, split, status, begin, 7).to_pylist()]
    assert found == meant
    assert len(found) == sum(split in ("", row.split) and status in ("", row.status) for row in _ROWS)


def test_nothing_is_left_behind(summary: Summary) -> None:
    with QueryProcess(summary.found, [look.name for look in summary.looks]) as queries:
        assert _works(queries)
        assert queries._process is not None
        process, spill = queries._process, Path(queries._spill.name)
        assert spill.is_dir()
    assert process.returncode is not None and not spill.exists()
