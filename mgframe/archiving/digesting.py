"""A digest of a table's rows, kept in its state: by it `verify` finds damage that reads well.

It is the sum of the rows' hashes, so that a step has to know no rows but those it changes, and
neither their order nor their files matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mgframe.archiving.scanning import named
from mgframe.archiving.tables import Table

if TYPE_CHECKING:
    import duckdb

_MODULUS: Final = 2**64


def digest(connection: duckdb.DuckDBPyConnection, table: Table, rows: str) -> int:
    """Return the digest of a query's or view's rows, 0 of none.

    A count that a row does not report is left out, so that a new column changes nothing. MD5, for
    DuckDB's own hash may be another one in its next version.
    """
    texts = ", ".join(f"'{name}=' || \"{name}\"" for name in table.counts)
    row = f"concat_ws(chr(0), {', '.join(['epoch_us(time)', named(table.keys), texts])})"
    [[found]] = connection.execute(f"SELECT sum(md5_number_lower({row})) FROM {rows}").fetchall()
    return (found or 0) % _MODULUS


def digest_after(connection: duckdb.DuckDBPyConnection, table: Table, fresh: str, old: str) -> int:
    """Return a table's digest once `fresh` rows stand in the place of the `old` ones."""
    known = named(["time", *table.keys])
    replaced = f"(SELECT * FROM {old} SEMI JOIN {fresh} USING ({known}))"
    change = digest(connection, table, fresh) - digest(connection, table, replaced)
    return (table.state.digest + change) % _MODULUS
