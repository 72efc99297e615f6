"""Conditions show nothing of DuckDB, of this process or of this machine, and say on one line what is wrong."""

import tempfile
from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.inspect.rows import Rows
from pipeline.inspect.summary import summarise
from tests.support.explanations import some_rows, write_explanations

REFUSED = [
    "error(current_setting('temp_directory')) IS NULL",
    "current_setting('temp_directory')::INT > 3",
    "error('a\n\nb') IS NULL",
    "error((SELECT value FROM duckdb_settings() WHERE name = 'temp_directory')) IS NULL",
    "id IN (SELECT path FROM duckdb_databases())",
    "EXISTS (SELECT * FROM duckdb_secrets())",
    "EXISTS (FROM duckdb_temporary_files())",
    "EXISTS (FROM information_schema.tables)",
    "EXISTS (FROM sqlite_master)",
    "EXISTS (FROM pragma_version())",
    "EXISTS (FROM glob('*'))",
    "EXISTS (FROM query('SELECT 1'))",
    "EXISTS (SHOW TABLES)",
    "list_transform([1], lambda x: error(caption)) = [1]",
    "[error(x) FOR x IN [caption]] = []",
    "CASE WHEN true THEN current_query() END = ''",
    "COALESCE(NULL, current_database()) = ''",
    "id = getvariable('x')",
    "getenv('PATH') = ''",
    "id IN (SELECT id FROM rows ORDER BY error(caption))",
    "id IN (SELECT max(error(caption)) FROM rows GROUP BY version())",
    "id IN (WITH secrets AS (FROM duckdb_settings()) SELECT name FROM secrets)",
    "id IN (WITH sqlite_master AS (SELECT id FROM rows) FROM sqlite_master) OR EXISTS (FROM sqlite_master)",
    "pg_sleep(1) IS NULL",
    "write_log('x') IS NULL",
    "caption.error() IS NULL",
    '"error"(caption) IS NULL',
    "main.error(caption) IS NULL",
    "system.main.error(caption) IS NULL",
    "nextval('x') = 1",
]
ALLOWED = [
    "random() < 2 AND now() > '2020-01-01' AND current_date > '2020-01-01'",
    "regexp_matches(caption, '[a-z]') OR caption ILIKE '%x%' OR NOT true OR true",
    "clip_tokens BETWEEN 0 AND 10 OR clip_tokens + 1 > -2 OR clip_tokens IS NULL",
    "len(list_filter(string_split(caption, ' '), lambda w: length(w) > 0)) >= 0 OR true",
    "id IN (WITH few AS (SELECT id FROM rows) SELECT id FROM few)",
    "id IN (SELECT id FROM rows GROUP BY id HAVING count(*) = 1)",
    "id IN (SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM rows))",
    "id IN (SELECT unnest([id])) AND 1 IN (SELECT * FROM range(3))",
    "TRY_CAST(caption AS INT) IS NULL OR true",
    "id IN (VALUES ('x')) OR coalesce(topic, '') = coalesce(topic, '')",
    "md5(id) > '' AND strftime(DATE '2020-01-01', '%Y') = '2020' AND json_valid(to_json(id))",
    "list_sum([1, 2]) = 3 AND array_append([1], 2) = [1, 2] AND [x + 1 FOR x IN [1]] = [2] AND {'a': 1}.a = 1",
]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    write_explanations(folder, some_rows(30))
    return folder


def _rows(output: Path) -> Rows:
    summary = summarise(output)
    assert summary is not None
    return Rows(summary)


@pytest.mark.parametrize("where", REFUSED)
def test_nothing_but_rows_is_shown(output: Path, where: str) -> None:
    with _rows(output) as rows, pytest.raises(PipelineError, match="--where") as refused:
        rows.check_where(where)
    message = str(refused.value)
    assert message.isprintable() and "columns: id" in message
    assert tempfile.gettempdir() not in message
    assert "not allowed" in message or "does not exist" in message


def test_what_depends_on_rows_is_allowed(output: Path) -> None:
    with _rows(output) as rows:
        for where in ALLOWED:
            rows.check_where(where)
            assert len(rows.pick(where)) == 30, where


def test_a_failing_value_says_what_to_do(output: Path) -> None:
    with _rows(output) as rows, pytest.raises(PipelineError, match="TRY_CAST") as failed:
        rows.check_where("caption::INT > 3")
        rows.pick("caption::INT > 3")
    assert str(failed.value).isprintable()
