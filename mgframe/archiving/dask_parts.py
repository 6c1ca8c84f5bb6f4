"""What is done to one partition of a Dask frame, by the functions that do it to a pandas frame.

Time and keys are columns; `levels` are their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from mgframe import reshaping
from mgframe.dividing import Pool, divide
from mgframe.feedback import mixed_rows, silent_rows
from mgframe.framing import meta_of, with_meta
from mgframe.periods import are_whole, have_holes, starts_of
from mgframe.ratios import quotients, sides_of
from mgframe.summing import ALL_KEYS, TOTAL_LEVEL, add_up, group_rows, refuse_repeated_rows
from mgframe.vocabulary import Rate

#: The name of the index, the part of the table that a row lies in.
PERIOD: Final = "period"
_ROWS: Final = "(rows)"
_HEARD: Final = "(heard)"


def is_number(column: pd.Series[Any]) -> bool:
    """Return whether a column holds counts or rates; any other is time or a key."""
    return is_numeric_dtype(column.dtype)


def framed(part: pd.DataFrame, levels: Sequence[str]) -> pd.DataFrame:
    """Return a partition as a pandas frame has it, time and keys in the index."""
    return with_meta(part.set_index(list(levels)), meta_of(part))


@dataclass(frozen=True)
class Adding:
    """Which rows of a partition are added up: the columns that are `levels`, those that are `kept`.

    Where rows are `labelled`, the index is the part of the table that they lie in, and stays.
    `said` is what the result knows of itself.
    """

    levels: tuple[str, ...]
    kept: tuple[str, ...]
    said: Mapping[str, Any]
    labelled: bool = False

    def labels(self, part: pd.DataFrame) -> list[pd.Index]:
        """Return what the rows of a partition are told apart by."""
        labels = [pd.Index(part[name], name=name) for name in self.kept]
        if not labels:
            labels = [pd.Index([ALL_KEYS] * len(part), dtype="str", name=TOTAL_LEVEL)]
        return [part.index, *labels] if self.labelled else labels

    def flat(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return sums with their labels as columns."""
        plain = frame.reset_index()
        return with_meta(plain.set_index(PERIOD) if self.labelled else plain, self.said)


def summed(part: pd.DataFrame, how: Adding, *, skipna: bool) -> pd.DataFrame:
    """Return the sums of a partition."""
    refuse_repeated_rows(part.set_index(list(how.levels)))
    return added_up(part, how, skipna=skipna)


def added_up(part: pd.DataFrame, how: Adding, *, skipna: bool) -> pd.DataFrame:
    """Return the sums of rows, or of sums, of which there are several a key."""
    counts = part.drop(columns=list(how.levels)).reset_index(drop=True)
    groups, index = group_rows(how.labels(part))
    return how.flat(add_up(counts, groups, index, skipna=skipna))


def bucketed(part: pd.DataFrame, how: Adding, *, period: str, skipna: bool) -> pd.DataFrame:
    """Return the sums of a partition by longer buckets, and of how many rows each is."""
    refuse_repeated_rows(part.set_index(list(how.levels)))
    moved = part.copy(deep=False)
    moved["time"] = starts_of(pd.DatetimeIndex(part["time"]), period)
    moved[_ROWS] = pd.array(np.ones(len(part), dtype="int64"), dtype="Int64")
    return added_up(moved, how, skipna=skipna)


def edges(part: pd.DataFrame) -> pd.DataFrame:
    """Return the first and the last time of a partition, or of such edges; none where empty."""
    times = pd.DatetimeIndex(part["time"])
    ends = [int(times.argmin()), int(times.argmax())] if len(times) else []
    return part[["time"]].iloc[ends]


def whole(
    sums: pd.DataFrame,
    seen: pd.DataFrame,
    *,
    width: str,
    period: str,
    edge: pd.Timestamp | None,
    skipna: bool,
    said: Mapping[str, Any],
) -> pd.DataFrame:
    """Return sums without those of periods at the edges, and NA where a bucket has no row."""
    rows, found = sums[_ROWS].to_numpy(dtype="int64"), sums.drop(columns=_ROWS)
    starts, times = pd.DatetimeIndex(sums["time"]), pd.DatetimeIndex(seen["time"])
    if not len(found):
        return with_meta(found, said)
    if not skipna:
        counts = [name for name in found.columns if is_number(found[name])]
        found.loc[have_holes(starts, rows, times, width, period), counts] = pd.NA
    if edge is not None:
        found = found[are_whole(starts, times, width, period, edge)]
    labelled = found.index.name == PERIOD
    return with_meta(found if labelled else found.reset_index(drop=True), said)


def long(part: pd.DataFrame, *, levels: Sequence[str]) -> pd.DataFrame:
    """Return one row per count, each with the label of the row it comes from."""
    table = reshaping.long(framed(part, levels))
    counts = len(part.columns) - len(levels)
    index = part.index.take(np.tile(np.arange(len(part)), counts))
    return table.set_axis(index, axis=0)


def rates_of_rows(
    part: pd.DataFrame, *, levels: Sequence[str], chosen: Sequence[Rate], said: Mapping[str, Any]
) -> pd.DataFrame:
    """Return the rates of each row."""
    found = quotients(framed(part, levels), chosen).reset_index()
    return with_meta(found.set_axis(part.index, axis=0), said)


# ---------------------------------------------------------------- both sides of pooled rates


def _names(rate: Rate) -> tuple[str, str]:
    return f"{rate.name} above", f"{rate.name} below"


def sides_summed(part: pd.DataFrame, how: Adding, *, chosen: Sequence[Rate]) -> pd.DataFrame:
    """Return both sides of each rate, summed over the rows where both are known."""
    frame = framed(part, how.levels)
    refuse_repeated_rows(frame)
    pool = Pool(*group_rows(how.labels(part)))
    heard = (~silent_rows(frame.index)).astype("float64")
    columns = {_HEARD: pool.sums(heard, heard)[0]}
    for rate in chosen:
        sums = pool.sums(*sides_of(frame, rate, {}))
        columns |= dict(zip(_names(rate), sums, strict=True))
    return how.flat(pd.DataFrame(columns, index=pool.index))


def pooled(sides: pd.DataFrame, how: Adding) -> pd.DataFrame:
    """Return the sums of sides that were summed before."""
    pool = Pool(*group_rows(how.labels(sides)))
    columns: dict[str, Any] = {}
    names: Iterable[str] = sides.columns[len(how.levels) :]
    for name in names:
        values = sides[name].to_numpy(dtype="float64")
        columns[name] = pool.sums(values, values)[0]
    return how.flat(pd.DataFrame(columns, index=pool.index))


def divided(
    sides: pd.DataFrame, *, levels: Sequence[str], chosen: Sequence[Rate], said: Mapping[str, Any]
) -> pd.DataFrame:
    """Return the rates of summed sides."""
    levels = list(levels) or [TOTAL_LEVEL]
    index = sides.set_index(levels).index
    found = sides[levels].copy()
    for rate in chosen:
        above, below = (sides[name].to_numpy(dtype="float64") for name in _names(rate))
        values = np.empty(len(sides))
        divide(above, below, out=values)
        if rate.name == "complaint_rate":
            nobody = np.asarray(sides[_HEARD] == 0)
            values[nobody | silent_rows(index) | mixed_rows(index, said)] = np.nan
        found[rate.name] = values
    return with_meta(found, said)
