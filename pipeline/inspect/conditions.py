"""Says which SQL a condition on rows may contain: the rows, and functions that depend on their arguments only.

A condition comes from whoever opens a page of `entityclip serve`. DuckDB's settings, secrets, logs and folders are
functions and tables too, and `error()` would show them.
"""

import json
from collections.abc import Iterator
from typing import Any

import duckdb

_TABLES = {"rows", "other"}
_TABLE_FUNCTIONS = {"unnest", "range", "generate_series"}
# Not the same each time, but of no secret.
_ALSO = set("random now today current_date current_timestamp get_current_time get_current_timestamp".split())
_NEVER = {"error", "version", "get_block_size", "user", "session_user", "if_error"}
_NEVER_BEGINS = ("current_", "pg_", "has_", "inet_", "duckdb_", "pragma_", "getenv", "write_", "which_", "sleep")


def forbidden(database: duckdb.DuckDBPyConnection, sql: str) -> str | None:
    """Return what in a SELECT statement on the rows is not allowed there; None if all is."""
    ((text,),) = database.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()
    tree = json.loads(text)
    if tree.get("error"):
        return "it is no condition that can be read"
    allowed: set[str] | None = None
    nodes = list(_nodes(tree))
    named = {str(entry.get("key")).lower() for node in nodes for entry in _entries(node)}  # WITH name AS ...
    if named:  # a name that DuckDB has already means its own table outside of the WITH
        own = database.execute("SELECT view_name FROM duckdb_views() UNION SELECT table_name FROM duckdb_tables()")
        named -= {name for (name,) in own.fetchall()}
    for node in nodes:
        kind, table = node.get("type"), node.get("table_name")
        if kind == "BASE_TABLE":
            if node.get("schema_name") or node.get("catalog_name") or str(table).lower() not in _TABLES | named:
                return f"the table {table} is not allowed in a condition; it may read the rows only"
        elif kind == "TABLE_FUNCTION":
            function = node.get("function") or {}
            if str(function.get("function_name", "")).lower() not in _TABLE_FUNCTIONS:
                return f"the table function {function.get('function_name')} is not allowed in a condition"
        elif kind == "SHOW_REF":
            return "SHOW and DESCRIBE are not allowed in a condition"
        name = str(node.get("function_name", "")).lower()
        if name and kind in ("FUNCTION", "WINDOW_AGGREGATE", "FUNCTION_REF"):
            if allowed is None:
                allowed = _functions(database)
            if name not in allowed and not node.get("is_operator"):
                return f"the function {name} is not allowed in a condition, or does not exist; use functions of values"
    return None


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            yield node
            left += node.values()
        elif isinstance(node, list):
            left += node


def _entries(node: dict[str, Any]) -> list[dict[str, Any]]:
    named = node.get("cte_map")
    return [entry for entry in named.get("map", []) if isinstance(entry, dict)] if isinstance(named, dict) else []


def _functions(database: duckdb.DuckDBPyConnection) -> set[str]:
    """Return the names of the functions whose results depend on their arguments only, and a few more."""
    found = database.execute(
        "SELECT DISTINCT function_name, function_type IN ('scalar', 'aggregate') AND stability <> 'CONSISTENT' "
        "FROM duckdb_functions() WHERE function_type IN ('scalar', 'aggregate', 'macro')"
    ).fetchall()
    varying = {name for name, varies in found if varies}
    return (
        _ALSO
        | {
            name
            for name, _ in found
            if name not in varying and name not in _NEVER and not name.startswith(_NEVER_BEGINS)
        }
        | set(_TABLE_FUNCTIONS)
    )
