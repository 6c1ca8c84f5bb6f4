"""`Archive.sql`: one question in SQL, which can read the tracks and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from mgframe.archiving.libraries import database, library
from mgframe.archiving.scanning import listed, scan
from mgframe.archiving.stores import Store
from mgframe.archiving.tables import Table
from mgframe.errors import QueryError

if TYPE_CHECKING:
    import duckdb

#: How the types of whole numbers end; sums come as floats, which are exact up to there.
_WHOLE: Final = ("INT", "INTEGER")
_EXACT: Final = 2**53


def sql(archive: Store, query: str) -> pd.DataFrame:
    """Answer a question in DuckDB's SQL over what is kept; it can change and read nothing else.

    Parameters
    ----------
    query : str
        One ``SELECT`` (or ``WITH ... SELECT``). Each track is a table of its name, written in
        double quotes where it has a dash, begins with a digit or is a word of SQL:
        ``FROM "hours-by-domain"``. Its columns are ``time``
        (the bucket's start, UTC), the keys, the counts. What has no row is 0 where the bucket was
        read, and unknown elsewhere, which SQL cannot tell: :meth:`Archive.frame` does.

    Returns
    -------
    DataFrame
        The answer as a plain table; whole numbers are ``Int64`` (above 2**53 as DuckDB gives them).

    Raises
    ------
    QueryError
        It is not one ``SELECT``, asks for a file or another thing outside, or DuckDB refuses it.
    ArchiveError
        The archive cannot be read.

    Examples
    --------
    >>> import tempfile, mgframe as mg
    >>> archive = mg.Archive(tempfile.mkdtemp())
    >>> archive.track("days", "delivered", by="domain", start="2026-11-01")
    >>> synced = archive.sync(client=mg.demo())
    >>> archive.sql("SELECT domain, max(delivered) AS most FROM days GROUP BY domain ORDER BY 1")
                 domain   most
    0  mail.example.com  19256
    1  news.example.com  29292
    2  shop.example.com  22368
    """
    if not isinstance(query, str) or not query.strip():
        raise QueryError(f"query={query!r} must be one SELECT in SQL")
    with database() as connection:
        _refuse_change(connection, query)
        text = query.lower()
        tables = [archive.table(name) for name in archive.tracks if name in text]
        for table in tables:
            scan(connection, table, table.name)
        _lock(connection, tables)
        try:
            return _plain(connection.sql(query))
        except library("duckdb").Error as error:
            kept = ", ".join(archive.tracks) or "nothing yet"
            raise QueryError(
                f"DuckDB refuses the query: {error}\nThe tables are the tracks: {kept}"
            ) from None


def _refuse_change(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    """Refuse all but one SELECT: the lock would let a table be made or a view be dropped."""
    try:
        statements = connection.extract_statements(query)
    except library("duckdb").Error as error:
        raise QueryError(f"DuckDB cannot read the query: {error}") from None
    kinds = [statement.type.name for statement in statements]
    if kinds != ["SELECT"]:
        raise QueryError(
            f"the query must be one SELECT, and holds {', '.join(kinds) or 'nothing'}; an archive "
            "is changed by sync(), import_frame() and compact() alone"
        )


def _lock(connection: duckdb.DuckDBPyConnection, tables: list[Table]) -> None:
    """Let the connection read the tracks' files and nothing else, for good."""
    files = [file for table in tables if table.place.is_local for file in table.files()]
    connection.execute(f"SET allowed_paths = [{listed(files)}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET python_enable_replacements = false")  # nor the caller's variables
    connection.execute("SET lock_configuration = true")


def _plain(answer: Any) -> pd.DataFrame:
    """Return an answer as a table in which an unknown number leaves the others whole."""
    table: pd.DataFrame = answer.df()
    whole = [
        name
        for name, kind in zip(table.columns, answer.types, strict=True)
        if str(kind).endswith(_WHOLE) and not (table[name].abs() > _EXACT).any()
    ]
    return table.astype(dict.fromkeys(whole, "Int64"))
