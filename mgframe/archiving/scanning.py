"""A version of a table as a view of DuckDB's: only the files of the periods asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from mgframe.archiving.libraries import library, told
from mgframe.archiving.tables import Table, in_periods

if TYPE_CHECKING:
    import duckdb

_TYPES: Final = {"timestamp": "TIMESTAMP WITH TIME ZONE", "string": "VARCHAR", "long": "BIGINT"}


def scan(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    view: str,
    first: str = "",
    last: str = "~",
) -> None:
    """Make a view of a table's rows in the periods from `first` to `last`, both included.

    It has the table's columns without `period`: time, keys, counts.
    """
    none = shape(table)
    if not table.place.is_local:
        _scan_remote(connection, table, view, first, last)
        return
    files = table.files(first, last)
    # A file that was written before a column was added does not have it.
    rows = (
        f" UNION ALL BY NAME SELECT * FROM read_parquet([{listed(files)}], union_by_name = true, "
        "hive_partitioning = false)"
    )
    with told(table.where, "reading"):
        connection.execute(f'CREATE OR REPLACE TEMP VIEW "{view}" AS {none}{rows if files else ""}')


def shape(table: Table) -> str:
    """Return a query of no rows, with the table's columns and types."""
    columns = ", ".join(
        f'CAST(NULL AS {_TYPES[kind]}) AS "{name}"'
        for name, kind in table.columns.items()
        if name != "period"
    )
    return f"SELECT {columns} WHERE false"


def _scan_remote(
    connection: duckdb.DuckDBPyConnection, table: Table, view: str, first: str, last: str
) -> None:
    """Read from an object store by way of pyarrow, which deltalake lends its connection."""
    library("pyarrow", extra="archive,parquet")
    with told(table.where, "reading"):
        rows = table.delta.to_pyarrow_dataset(file_pruning_predicate=in_periods(first, last))
        connection.register(f"{view} files", rows)
        connection.execute(
            f'CREATE OR REPLACE TEMP VIEW "{view}" AS {shape(table)} UNION ALL BY NAME '
            f'SELECT * EXCLUDE (period) FROM "{view} files"'
        )


def listed(texts: Iterable[str]) -> str:
    """Return texts as a list in SQL."""
    escaped = (text.replace("'", "''") for text in texts)
    return ", ".join(f"'{text}'" for text in escaped)


def named(columns: object, prefix: str = "") -> str:
    """Return columns as a list in SQL."""
    return ", ".join(f'{prefix}"{name}"' for name in columns)  # type: ignore[attr-defined]
