"""A row of findings read back: which rate, where and when, so that more can be asked about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from mgframe.analysis.cubes import Where
from mgframe.analysis.metrics import METRICS, OPENS, Metric
from mgframe.analysis.neighbours import place_for
from mgframe.analysis.slices import Account
from mgframe.errors import QueryError
from mgframe.timespan import read_moment

_NEEDED: Final = ("kind", "metric", "keys", "start", "end")

#: A row of the table of findings, as pandas or a file gives it.
Row = pd.Series | Mapping[str, Any]


@dataclass(frozen=True)
class Told:
    """What a row tells: the rate, its place, and the first and the last day."""

    kind: str
    metric: Metric
    where: Where
    start: pd.Timestamp
    end: pd.Timestamp

    def known_in(self, account: Account) -> tuple[Metric, Where]:
        """Return the rate and the place that an account knows.

        Of machines these are all opens where theirs alone are not known, as by domain.
        """
        own = account.at(self.metric, self.where)
        if own is not None or not self.metric.bots or self.metric.rate != OPENS.rate:
            return self.metric, self.where
        return OPENS, place_for(OPENS, self.where)

    def days_in(self, account: Account) -> tuple[int, int]:
        """Return the places of its days in an account: the first, and the one after the last.

        Raises
        ------
        QueryError
            The frames do not have these days.
        """
        places = account.times.get_indexer(pd.DatetimeIndex([self.start, self.end]))
        start, end = (int(place) for place in places)
        if min(start, end) < 0:
            raise QueryError(
                f"finding= is about {self.start:%Y-%m-%d} to {self.end:%Y-%m-%d}, and the frames "
                f"are about {account.times[0]:%Y-%m-%d} to {account.times[-1]:%Y-%m-%d}; give "
                "those that were investigated, or fetch the same window"
            )
        return start, end + 1


def read_row(finding: Row) -> Told:
    """Return what a row of findings tells, also one that was kept in a file.

    Raises
    ------
    QueryError
        It is no row of findings, or a note, which is about no rate.
    """
    if isinstance(finding, pd.DataFrame) or not isinstance(finding, pd.Series | Mapping):
        raise _no_row(f"a {type(finding).__name__}")
    row = dict(finding)
    if missing := [name for name in _NEEDED if name not in row]:
        raise _no_row(f"something without {missing[0]!r}")
    if row["kind"] == "note":
        raise _no_row("a note: it tells of no incident")
    bots = row["kind"] == "bots"
    metric = next((m for m in METRICS if m.rate == row["metric"] and m.bots == bots), None)
    if metric is None:
        raise _no_row(f"one whose metric is {row['metric']!r}, which is not looked at")
    start, end = (read_moment(row[name], argument="finding=") for name in ("start", "end"))
    return Told(str(row["kind"]), metric, _place(row["keys"]), start, end)


def _place(keys: object) -> Where:
    try:
        found = {
            str(level): tuple(map(str, names)) for level, names in json.loads(str(keys)).items()
        }
    except (ValueError, AttributeError, TypeError):
        raise _no_row(f"one whose keys are {str(keys)[:60]!r}, no JSON text of levels") from None
    return found


def _no_row(what: str) -> QueryError:
    return QueryError(
        f"finding= must be a row of mg.investigate(), such as found.loc[0]; it is {what}"
    )
