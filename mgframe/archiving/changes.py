"""What commits changed: their states, and Delta's change data feed as a view of DuckDB's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import pandas as pd

from mgframe.archiving.libraries import told
from mgframe.archiving.states import State
from mgframe.archiving.tables import Table, opened

if TYPE_CHECKING:
    import duckdb

#: How long a bucket is, in SQL.
INTERVALS: Final = {"hour": "INTERVAL 1 HOUR", "day": "INTERVAL 1 DAY", "month": "INTERVAL 1 MONTH"}


@dataclass(frozen=True)
class Commit:
    """A version, what it says of the table, and what the one before it said."""

    version: int
    state: State
    before: State


def commits(table: Table, since: pd.Timestamp | None = None) -> list[Commit]:
    """Return a table's commits, oldest first; with `since` those that were read after it.

    Only so much of the log is read.
    """
    found: list[tuple[int, State]] = []
    for version, state in table.history():
        found.append((version, state))
        if since is not None and (state.at is None or state.at <= since):
            break
    found.reverse()
    return [Commit(version, state, before) for (_, before), (version, state) in pairwise(found)]


def feed(
    connection: duckdb.DuckDBPyConnection, table: Table, made: Sequence[Commit], view: str
) -> None:
    """Make a view of what the commits changed; it can be read once, as a stream.

    It has the table's columns, ``_change_type`` and ``_commit_version``.
    """
    first = made[0].version if made else table.version
    with told(table.where, "reading"):
        connection.register(
            view, table.delta.load_cdf(starting_version=first, ending_version=table.version)
        )


def asked_since(table: Table, made: Sequence[Commit]) -> dict[str, pd.Timestamp | None]:
    """Return each count and the last moment of which it is not known; None where there is none.

    What was read up to that moment was read without it: a row that was not there was not zero.
    """
    # A column is added right before the answer that brought it: one version more is looked at.
    first = max(0, made[0].version - 2) if made else table.version

    @cache
    def names(version: int) -> frozenset[str]:
        return frozenset(opened(table.place, table.name, version).columns)

    def asked(count: str) -> pd.Timestamp | None:
        low, high = first, table.version  # it is not there at low, and there at high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if count in names(middle) else (middle, high)
        return next((c.before.at for c in made if c.version >= high), None)

    return {name: None if name in names(first) else asked(name) for name in table.counts}
