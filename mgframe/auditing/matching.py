"""Two views brought into one form and laid side by side, and where they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.auditing.views import Windows
from mgframe.framing import make_index, meta_of
from mgframe.joining import View
from mgframe.summing import group_rows
from mgframe.timespan import bucket_starts
from mgframe.vocabulary import COUNTS, NO_KEY, in_order

COLUMNS: Final = {
    "check": "str", "view_a": "str", "view_b": "str", "time": "datetime64[us, UTC]", "key": "str",
    "count": "str", "a": "float64", "b": "float64", "difference": "float64", "expected": "bool",
    "reason": "str",
}  # fmt: skip
UNEXPLAINED: Final = "unexplained"
WHOLE: Final = "account"

Rows = pd.DataFrame
Floats = np.ndarray[Any, np.dtype[np.float64]]


class Incomparable(Exception):
    """Why a view cannot be compared, in words."""


@dataclass
class Audit:
    """What was found so far: breaches, and how many comparisons each check made."""

    windows: Windows
    now: pd.Timestamp
    views: Mapping[str, View]
    breaches: list[Rows] = field(default_factory=list)
    compared: dict[str, int] = field(default_factory=dict)
    unknown: int = 0

    def frame(self, name: str) -> pd.DataFrame:
        """Return the frame of a view.

        Raises
        ------
        Incomparable
            There is none.
        """
        if name not in self.views:
            raise Incomparable("Mailgun keeps hours for 60 days, and the window ends before")
        found = self.views[name]
        if found.frame is None:
            raise Incomparable(next(map(str, found.errors.values()), "no answer"))
        return found.frame

    def note(self, check: str, compared: int, breaches: Rows) -> None:
        """Add what a comparison found."""
        self.compared[check] = self.compared.get(check, 0) + compared
        if len(breaches):
            self.breaches.append(breaches)

    def skip(self, pair: Pair, reason: str, *, expected: bool = False, key: str = NO_KEY) -> None:
        """Note that something could not be compared, which is no agreement."""
        row = {"time": [pd.NaT], "key": [key], "count": [NO_KEY]}
        rows = breaches_of(pair, {**row, "a": [np.nan], "b": [np.nan]})
        self.note(
            pair.check, 0, rows.assign(expected=expected, reason=f"not compared: {reason}"[:400])
        )


@dataclass(frozen=True)
class Pair:
    """Two views that must agree, each in the form in which they can be compared."""

    check: str
    view_a: str
    view_b: str
    form_a: Callable[[pd.DataFrame], pd.DataFrame]
    form_b: Callable[[pd.DataFrame], pd.DataFrame]


def breaches_of(pair: Pair, columns: Mapping[str, Any]) -> Rows:
    """Return breaches of a pair from their time, key, count, a and b; unexplained as yet."""
    told = {
        **columns,
        **{"check": pair.check, "view_a": pair.view_a, "view_b": pair.view_b},
        "time": pd.DatetimeIndex(columns["time"], dtype=COLUMNS["time"]),
        "difference": np.subtract(columns["a"], columns["b"]),
        **{"expected": False, "reason": UNEXPLAINED},
    }
    return pd.DataFrame({name: told[name] for name in COLUMNS})


def table_of(breaches: Iterable[Rows]) -> pd.DataFrame:
    """Return all breaches as one table, empty but with its columns where there are none."""
    parts = list(breaches)
    if not parts:
        return pd.DataFrame({name: pd.Series([], dtype=of) for name, of in COLUMNS.items()})
    return pd.concat(parts, ignore_index=True).astype(COLUMNS)


# ---------------------------------------------------------------- forms
#
# A form is a table of floats by time and key, NaN where a count is unknown: counts stay below the
# 2**53 up to which floats are exact, and one matrix adds up faster than thirty columns.


def over_keys(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the sums over all keys, by time."""
    return _summed(_matrix(frame), times_of_buckets(frame))


def by_key(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the counts by time and the one key.

    Raises
    ------
    Incomparable
        The rows have no keys.
    """
    times, labels = times_of_buckets(frame), frame.index.get_level_values(-1)
    if len(labels) and (labels == NO_KEY).all():
        raise Incomparable("the answer names no keys for its rows")
    index = pd.MultiIndex.from_arrays([times, labels], names=["time", "key"])
    return _matrix(frame).set_axis(index, axis=0)


def by_day(hours: pd.DataFrame) -> pd.DataFrame:
    """Return the sums of hours by day, of whole days."""
    return _whole(_matrix(hours), bucket_starts(times_of_buckets(hours), "day"), 24)


def by_month(days: pd.DataFrame) -> pd.DataFrame:
    """Return the sums of days by month, of whole months."""
    months = bucket_starts(times_of_buckets(days), "month")
    return _whole(_matrix(days), months, np.asarray(months.days_in_month))


def times_of_buckets(frame: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the bucket of every row.

    Raises
    ------
    Incomparable
        The frame is one total over the window.
    """
    if meta_of(frame).get("resolution") == "total":
        raise Incomparable("the answer has one total for the whole window in place of its buckets")
    return pd.DatetimeIndex(frame.index.get_level_values("time"))


def _matrix(frame: pd.DataFrame) -> pd.DataFrame:
    names = [name for name in frame.columns if name in COUNTS]
    return pd.DataFrame(frame[names].to_numpy("float64", na_value=np.nan), columns=names)


def _summed(counts: pd.DataFrame, times: pd.DatetimeIndex) -> pd.DataFrame:
    groups, index = group_rows([times.rename("time")])
    sums = np.zeros((len(index), counts.shape[1]))
    np.add.at(sums, groups, counts.to_numpy())
    keyed = make_index(pd.DatetimeIndex(index), {"key": np.full(len(index), WHOLE)})
    return pd.DataFrame(sums, index=keyed, columns=counts.columns)


def _whole(counts: pd.DataFrame, times: pd.DatetimeIndex, buckets: Any) -> pd.DataFrame:
    present = pd.Series(1, index=range(len(times))).groupby(times).transform("sum").to_numpy()
    complete = present == buckets
    return _summed(counts[complete], times[complete])


# ---------------------------------------------------------------- differing


def differing(pair: Pair, a: pd.DataFrame, b: pd.DataFrame) -> tuple[Rows, int, int]:
    """Return the cells that differ, and how many were compared and could not be.

    A key that one view leaves out has no counts in it, which is what silence means there.
    """
    index = a.index.union(b.index)
    names = in_order(name for name in a.columns if name in b.columns)
    in_a, in_b = (cells_of(form, index, names) for form in (a, b))
    known = ~(np.isnan(in_a) | np.isnan(in_b))
    row, column = np.nonzero(known & (in_a != in_b))
    rows = breaches_of(
        pair,
        {
            "time": index.get_level_values("time")[row],
            "key": index.get_level_values("key")[row],
            "count": pd.Index(names, dtype="str")[column],
            "a": in_a[row, column],
            "b": in_b[row, column],
        },
    )
    # Where both do not know, there is nothing to agree about.
    return rows, int(known.sum()), int((np.isnan(in_a) ^ np.isnan(in_b)).sum())


def cells_of(form: pd.DataFrame, index: pd.Index, names: list[str]) -> Floats:
    """Return counts as rows of `index` by `names`, 0 where there is no row."""
    place = form.index.get_indexer(index)
    cells = np.zeros((len(index), len(names)))
    cells[place >= 0] = form[names].to_numpy()[place[place >= 0]]
    return cells
