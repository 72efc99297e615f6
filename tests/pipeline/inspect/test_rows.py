"""Rows by SQL: the right ones, whatever the shards; and nothing besides the shards."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.inspect.rows import Rows
from pipeline.inspect.summary import Summary, summarise
from pipeline.shards.shard import Row
from tests.pipeline.inspect.test_summary import _spoil
from tests.support.explanations import some_rows, write_explanations
from tests.support.s3 import s3_server, s3_url


def _summary(location: Path | str) -> Summary:
    found = summarise(location)
    assert found is not None
    return found


_CONDITIONS: list[tuple[str, Callable[[Row], bool]]] = [
    ("status = 'truncated'", lambda row: row.status == "truncated"),
    (
        "status IN ('ok', 'error') AND split <> 'train'",
        lambda row: row.status in ("ok", "error") and row.split != "train",
    ),
    (
        "clip_tokens > 40 OR finish_reason = 'length'",
        lambda r: (r.clip_tokens or 0) > 40 or r.finish_reason == "length",
    ),
    ("explanation IS NULL -- a comment", lambda row: row.explanation is None),
    ("caption LIKE '%bridge%' AND topic = 'sport'", lambda row: "bridge" in row.caption and row.topic == "sport"),
    ("image.path = '7.png'", lambda row: row.image == "7.png"),
    ("shard LIKE 'split=val/%'", lambda row: row.split == "val"),
    ("completion_tokens > (SELECT avg(completion_tokens) FROM rows)", lambda row: (row.completion_tokens or 0) > _MEAN),
    ("contains(caption, chr(27))", lambda row: "\x1b" in row.caption),
]
_ROWS = some_rows(200)
_TOKENS = [row.completion_tokens for row in _ROWS if row.completion_tokens is not None]
_MEAN = sum(_TOKENS) / len(_TOKENS)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    write_explanations(folder, _ROWS)
    return folder


@pytest.mark.parametrize(("where", "meets"), _CONDITIONS)
def test_a_condition_picks_the_rows_that_meet_it(output: Path, where: str, meets: Callable[[Row], bool]) -> None:
    meant = {row.id: row for row in _ROWS if meets(row)}
    assert meant
    with Rows(_summary(output)) as rows:
        rows.check_where(where)
        picked = rows.pick(where)
        assert sorted(picked["id"].to_pylist()) == sorted(meant)
        for found in rows.rows(picked):
            row = meant[found["id"]]
            assert found["image"] == {"bytes": None, "path": row.image}
            flat = (
                "split",
                "caption",
                "topic",
                "explanation",
                "raw_text",
                "status",
                "error",
                "key",
                "seed",
                "clip_tokens",
            )
            assert [found[name] for name in flat] == [getattr(row, name) for name in flat]


def test_a_sample_is_the_same_however_the_rows_are_cut(output: Path, tmp_path: Path) -> None:
    write_explanations(tmp_path, _ROWS, buckets=1)
    samples = []
    for folder in (output, tmp_path):
        with Rows(_summary(folder)) as rows:
            samples.append([row["id"] for row in rows.rows(rows.pick(sample=20))])
            some = [row["id"] for row in rows.rows(rows.pick("status = 'ok'", sample=5))]
            assert len(some) == 5
    assert samples[0] == samples[1] and len(set(samples[0])) == 20
    assert samples[0] != sorted(samples[0])


def test_object_storage_is_read_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_server(monkeypatch) as port:
        write_explanations(s3_url(port, "out"), _ROWS)
        with Rows(_summary(s3_url(port, "out"))) as rows:
            rows.check_where("status = 'truncated'")
            found = rows.rows(rows.pick("status = 'truncated'"))
    assert {row["id"] for row in found} == {row.id for row in _ROWS if row.status == "truncated"}


@pytest.mark.parametrize(
    "where",
    [
        "id IN (SELECT content FROM read_text('{file}'))",
        "EXISTS (SELECT * FROM '{file}')",
        "EXISTS (SELECT * FROM read_csv('{file}'))",
        "EXISTS (SELECT * FROM read_parquet('{folder}/*/*.parquet'))",
        "EXISTS (SELECT * FROM glob('{folder}/*'))",
        "true); COPY (SELECT 1) TO '{folder}/written.csv'; --",
        "true); ATTACH '{folder}/written.db'; SELECT (true",
        "true); SET enable_external_access = true; SELECT (true",
        "true); INSTALL httpfs; SELECT (true",
        "true); LOAD '{folder}/x.duckdb_extension'; SELECT (true",
        "true); DROP VIEW rows; SELECT (true",
        "EXISTS (SELECT * FROM rows_of_python)",
        "getenv('HOME') = 'x'",
        "no_such_column = 1",
        "status = ",
        "",
    ],
)
def test_sql_reads_the_rows_and_nothing_besides(output: Path, tmp_path: Path, where: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\n1,2\n", encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    rows_of_python = _summary(output)  # a name that DuckDB's Python client could look up  # noqa: F841
    with Rows(_summary(output)) as rows:
        with pytest.raises(PipelineError, match="--where") as refused:
            rows.check_where(where.format(file=secret, folder=tmp_path))
        assert "\n" not in str(refused.value)
        assert len(rows.pick("status = 'ok'")) == sum(row.status == "ok" for row in _ROWS)  # it goes on
    assert sorted(tmp_path.rglob("*")) == before


def test_a_condition_that_fails_on_a_value_is_a_message_without_its_controls(output: Path) -> None:
    with Rows(_summary(output)) as rows, pytest.raises(PipelineError, match="Could not convert") as failed:
        rows.check_where("caption::INT > 3")
        rows.pick("caption::INT > 3 AND contains(caption, chr(27))")
    assert str(failed.value).isprintable()


def test_shards_that_turn_out_damaged_are_put_aside(tmp_path: Path) -> None:
    write_explanations(tmp_path, _ROWS)
    damaged = sorted(tmp_path.rglob("*.parquet"))[0]
    name = damaged.relative_to(tmp_path).as_posix()
    _spoil(damaged, ["caption"])
    with Rows(_summary(tmp_path)) as rows:
        lost = set(rows.pick(f"shard = '{name}'")["id"].to_pylist())
        assert lost and not rows.faults["rows"]  # no caption was looked at
        found = rows.rows(rows.pick("length(caption) > 0"))
        assert [fault.name for fault in rows.faults["rows"]] == [name]
    assert {row["id"] for row in found} == {row.id for row in _ROWS if row.caption} - lost


def test_a_message_of_several_lines_is_one_line_without_escapes(output: Path) -> None:
    with Rows(_summary(output)) as rows:
        problem = rows.condition_problem("captoin = 'x'")
    assert problem is not None
    assert "captoin" in problem and "caption" in problem  # what DuckDB suggests is on another line
    assert "\n" not in problem and "\\n" not in problem
