"""Sums of a table's rows, made in DuckDB, as dense arrays: buckets by key combinations.

A cell of the answer is a sum over parts: the table's buckets in it, times the combinations of keys
that it adds over. A part has a row, or it has none and is 0 where the bucket was read without
doubt. Where any part is unknown, so is the sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from mgframe.archiving.buckets import Buckets
from mgframe.archiving.libraries import told
from mgframe.archiving.scanning import named
from mgframe.errors import QueryError
from mgframe.filtering import Predicate
from mgframe.summing import Booleans, Integers

if TYPE_CHECKING:
    import duckdb

#: More rows than this are no frame but a mistake: hours by keys of thousands.
_MOST_ROWS: Final = 50_000_000
#: The name of the view of a table's rows.
ROWS: Final = "rows"


@dataclass(frozen=True)
class Sums:
    """Key combinations, in order, and for each count the sums by bucket and combination."""

    keys: dict[str, list[str]]
    counts: dict[str, Integers]
    unknown: dict[str, Booleans]

    @property
    def size(self) -> int:
        """How many key combinations there are."""
        return len(next(iter(self.keys.values())))


@dataclass(frozen=True)
class Wanted:
    """What is added up: the keys that are kept and those that are added over, counts and filter.

    `lacking` are the counts that some rows do not report, `silent` the starts of the table's
    buckets in which no row at all does: there nobody's count is known.
    """

    keys: tuple[str, ...]
    dropped: tuple[str, ...]
    counts: tuple[str, ...]
    predicates: tuple[Predicate, ...] = ()
    lacking: tuple[str, ...] = ()
    silent: Mapping[str, pd.DatetimeIndex] = field(default_factory=dict)


def add(
    connection: duckdb.DuckDBPyConnection, where: str, wanted: Wanted, buckets: Buckets
) -> Sums:
    """Return the sums over the rows of the view :data:`ROWS`."""
    with told(where, "reading"):
        adding = _Adding(connection, wanted, buckets)
        combos = adding.combine()
        _refuse_large(len(buckets.starts) * combos.size)
        return adding.sums(combos)


def add_in_parts(
    connection: duckdb.DuckDBPyConnection,
    where: str,
    wanted: Wanted,
    buckets: Buckets,
    rows: int,
) -> Iterator[tuple[Buckets, Sums]]:
    """Yield the sums of :func:`add` in parts of about that many rows, one after the other."""
    with told(where, "reading"):
        combos = _Adding(connection, wanted, buckets).combine()
        for part in buckets.parts(max(1, rows // max(1, combos.size))):
            yield part, _Adding(connection, wanted, part).sums(combos)


@dataclass(frozen=True)
class _Combos:
    """The combinations of keys that are kept, in order, and of how many parts each has."""

    keys: dict[str, list[str]]
    parts: Integers

    @property
    def size(self) -> int:
        return len(self.parts)


class _Adding:
    """One sum: the statements and what they share."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, wanted: Wanted, buckets: Buckets
    ) -> None:
        self._connection, self._wanted, self._buckets = connection, wanted, buckets
        self._unknown = buckets.unknown()
        self._keys = named(wanted.keys)
        conditions = [_condition(predicate) for predicate in wanted.predicates]
        times = [buckets.kept[0], buckets.kept[-1]] if len(buckets.kept) else [None, None]
        self._filter = " AND ".join(['"time" BETWEEN ? AND ?', *(text for text, _ in conditions)])
        self._values = [*times, *(value for _, values in conditions for value in values)]

    def combine(self) -> _Combos:
        """Find the combinations of keys, and hold them as the table "combos"."""
        connection, wanted = self._connection, self._wanted
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE combos AS SELECT *, row_number() OVER () - 1 AS combo "
            f"FROM ({self._combos()})",
            self._values,
        )
        combos = connection.execute("SELECT * FROM combos ORDER BY combo").fetchnumpy()
        keys = {name: list(combos[name]) for name in wanted.keys}
        return _Combos(keys, np.asarray(combos["parts"]))

    def sums(self, combos: _Combos) -> Sums:
        """Return the sums of these combinations, which may be those of a longer window."""
        self._connection.register("calendar", self._buckets.table())
        return self._dense(combos.keys, combos.size, combos.parts, self._rows().fetchnumpy())

    def _combos(self) -> str:
        """Return the query of the combinations that are kept, and of how many parts each has."""
        wanted = self._wanted
        parts = f"count(DISTINCT ({named(wanted.dropped)}))" if self._counts_parts else "1"
        source = f'FROM "{ROWS}" WHERE {self._filter}'
        if not wanted.keys:
            return f"SELECT {parts} AS parts {source} HAVING count(*) > 0"
        return f"SELECT {self._keys}, {parts} AS parts {source} GROUP BY ALL ORDER BY {self._keys}"

    @property
    def _counts_parts(self) -> bool:
        """Whether it matters how many parts a sum has: where some have no row and are unknown."""
        return bool(self._wanted.dropped) and bool(self._unknown.any())

    def _rows(self) -> Any:
        """Return the sums of what has rows."""
        wanted = self._wanted
        is_sum = wanted.dropped or self._buckets.longer
        counts = ", ".join(self._sum(name) if is_sum else f'"{name}"' for name in wanted.counts)
        unread = "count(*) FILTER (NOT known)" if is_sum else "CAST(NOT known AS BIGINT)"
        group = " GROUP BY ALL" if is_sum else ""
        keys = f"{self._keys}, " if wanted.keys else ""
        joined = f"JOIN combos USING ({self._keys})" if wanted.keys else "CROSS JOIN combos"
        return self._connection.execute(
            f"SELECT place, combo, sums.* EXCLUDE (place{', ' * bool(keys)}{self._keys}) FROM ("
            f"SELECT place, {keys}{unread} AS unread, {counts} "
            f'FROM "{ROWS}" JOIN calendar USING (time) WHERE {self._filter} AND place >= 0{group}'
            f") AS sums {joined}",
            self._values,
        )

    def _sum(self, name: str) -> str:
        """Return the sum of a count, which is unknown where a part of it is."""
        known = f'CASE WHEN count("{name}") = count(*) THEN sum("{name}") END'
        total = known if name in self._wanted.lacking else f'sum("{name}")'
        return f'CAST({total} AS BIGINT) AS "{name}"'

    def _dense(
        self, keys: dict[str, list[str]], size: int, parts: Integers, rows: dict[str, Any]
    ) -> Sums:
        """Return the sums of all buckets and combinations, those without rows as well."""
        shape = (len(self._buckets.starts), size)
        place, combo = (np.asarray(rows[name], dtype="int64") for name in ("place", "combo"))
        seen = np.zeros(shape, np.int64)
        seen[place, combo] = rows["unread"]
        lost = seen < self._unknown[:, np.newaxis] * parts[np.newaxis, :]
        counts, unknown = {}, {}
        for name in self._wanted.counts:
            counts[name], unknown[name] = np.zeros(shape, np.int64), lost.copy()
            counts[name][place, combo] = np.ma.filled(rows[name], 0)
            unknown[name][place, combo] |= np.ma.getmaskarray(rows[name])
            unknown[name][self._silent(name)] = True
        return Sums(
            keys or {"account": ["account"] * size},
            {name: values.ravel() for name, values in counts.items()},
            {name: values.ravel() for name, values in unknown.items()},
        )

    def _silent(self, name: str) -> Integers:
        """Return the buckets of which a part has rows, none of which reports the count."""
        times = self._wanted.silent.get(name)
        if times is None:
            return np.zeros(0, np.int64)
        place = self._buckets.place[self._buckets.kept.isin(times)]
        return np.unique(place[place >= 0])


def _condition(predicate: Predicate) -> tuple[str, list[str]]:
    """Return a predicate as SQL with marks, and what stands for the marks."""
    key, values = predicate["attribute"], [value["value"] for value in predicate["values"]]
    comparator = predicate["comparator"]
    if comparator.endswith("contains"):
        text = " OR ".join([f'contains("{key}", ?)'] * len(values))
    else:
        text = f'"{key}" IN ({", ".join("?" * len(values))})'
    return (f"NOT ({text})" if comparator in ("!=", "not contains") else f"({text})"), values


def _refuse_large(rows: int) -> None:
    if rows > _MOST_ROWS:
        raise QueryError(
            f"the frame would have {rows:,} rows; ask for fewer keys in by=, for longer buckets or "
            "a shorter window, or ask archive.sql() or archive.to_dask()"
        )


def silent_times(
    connection: duckdb.DuckDBPyConnection, where: str, counts: Sequence[str]
) -> dict[str, pd.DatetimeIndex]:
    """Return for each count the table's buckets that have rows, none of which reports it."""
    if not counts:
        return {}
    known = ", ".join(f'count("{name}") AS "{name}"' for name in counts)
    with told(where, "reading"):
        found = connection.execute(f'SELECT time, {known} FROM "{ROWS}" GROUP BY time').df()
    return {name: pd.DatetimeIndex(found["time"][found[name] == 0]) for name in counts}
