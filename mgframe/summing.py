"""Adding counts up: which rows belong together, and which sums would mislead."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from pandas.api.types import is_integer_dtype

from mgframe.errors import FrameError, QueryError, warn
from mgframe.framing import require_columns, require_levels, row_text, times_of
from mgframe.vocabulary import COUNTS, OVERLAPPING_LEVELS, READING_LEVELS

Integers = np.ndarray[Any, np.dtype[np.int64]]
Booleans = np.ndarray[Any, np.dtype[np.bool_]]

#: The level and the only key of a frame that was summed over everything.
TOTAL_LEVEL: Final = "total"
ALL_KEYS: Final = "(all)"

#: Unique counts are de-duplicated within this many days.
UNIQUE_DAYS: Final = 7


def names_in(names: str | Iterable[str], *, argument: str) -> list[str]:
    """Return one name or several as a list, else raise :class:`QueryError`."""
    listed = list(names) if isinstance(names, Iterable) and not isinstance(names, str) else [names]
    if not all(isinstance(name, str) for name in listed):
        raise QueryError(f"{argument}={names!r} must be a name or a list of names")
    return listed


def levels_named(frame: pd.DataFrame, by: str | Sequence[str]) -> list[str]:
    """Return the levels named in `by`, in the frame's order."""
    wanted = names_in(by, argument="by")
    require_levels(frame, wanted)
    return [str(name) for name in frame.index.names if name in wanted]


def levels_dropped(frame: pd.DataFrame, kept: Collection[str]) -> list[str]:
    """Return the levels that a sum which keeps `kept` adds over."""
    return [str(name) for name in frame.index.names if name not in kept]


def require_counts(frame: pd.DataFrame, names: Collection[str]) -> None:
    """Raise :class:`FrameError` unless every name is a column of integers."""
    require_columns(frame, names)
    for name in names:
        dtype = frame[name].dtype
        if not is_integer_dtype(dtype):
            raise FrameError(
                f"column {name!r} has dtype {dtype}, but only counts (Int64) add up: rates "
                "are pooled with rates(counts, by=...), and mg.as_frame(df, ...) makes counts of "
                "a table's numbers"
            )


def integers(frame: pd.DataFrame, name: str) -> tuple[Integers, Booleans]:
    """Return a count as integers, 0 where it is unknown, and where it is unknown."""
    column = frame[name].array
    return column.to_numpy(dtype="int64", na_value=0), np.asarray(column.isna())


def group_rows(labels: Sequence[pd.Index]) -> tuple[Integers, pd.Index]:
    """Return the group of each row and the sorted index of the groups, one per distinct label."""
    rows = pd.Series(0, index=range(len(labels[0])))
    # An index of one level would be read as labels of the rows, hence the bare values.
    groups = rows.groupby([pd.Series(label, index=rows.index) for label in labels], dropna=False)
    index = groups.size().index
    index.names = [label.name for label in labels]
    return groups.ngroup().to_numpy().astype("int64", copy=False), index


def labels_of(frame: pd.DataFrame, levels: Sequence[str]) -> list[pd.Index]:
    """Return the labels of every row in the given levels; without levels, one label for all."""
    if not levels:
        return [pd.Index([ALL_KEYS] * len(frame), dtype="str", name=TOTAL_LEVEL)]
    return [plain_labels(frame, name) for name in levels]


def plain_labels(frame: pd.DataFrame, level: str) -> pd.Index:
    """Return a level's label of every row; a user's categories become plain texts."""
    labels = frame.index.get_level_values(level)
    if isinstance(labels.dtype, pd.CategoricalDtype):
        return labels.astype(labels.dtype.categories.dtype)
    return labels


def added(values: Integers, groups: Integers, size: int) -> Integers:
    """Return the exact sum of each group."""
    sums = np.zeros(size, dtype="int64")
    np.add.at(sums, groups, values)
    return sums


def add_up(frame: pd.DataFrame, groups: Integers, index: pd.Index, *, skipna: bool) -> pd.DataFrame:
    """Return the sums of all counts over the rows of each group, which `index` labels.

    A sum with an unknown part is unknown; with `skipna` only one of nothing but unknown parts.
    """
    require_counts(frame, list(frame.columns))
    refuse_repeated_rows(frame)
    rows = np.bincount(groups, minlength=len(index))
    sums = {}
    for name in frame.columns:
        values, unknown = integers(frame, name)
        lost = np.bincount(groups[unknown], minlength=len(index))
        mask = lost == rows if skipna else lost > 0
        sums[name] = pd.arrays.IntegerArray(added(values, groups, len(index)), mask)
    return pd.DataFrame(sums, index=index, columns=frame.columns, copy=False)


def with_used_labels(frame: pd.DataFrame) -> pd.DataFrame:
    """Drop the labels that no row has, which pandas would keep in the index's levels."""
    if isinstance(frame.index, pd.MultiIndex):
        return frame.set_axis(frame.index.remove_unused_levels(), axis=0)
    return frame


# ---------------------------------------------------------------- sums that would mislead


def refuse_repeated_rows(frame: pd.DataFrame) -> None:
    """Raise :class:`FrameError` where a row occurs twice: a sum would count it twice."""
    if not frame.index.is_unique:
        twice = frame.index[frame.index.duplicated()][0]
        raise FrameError(
            f"the row {row_text(twice)} occurs twice and would be counted twice; after a concat "
            "drop the repetition: df[~df.index.duplicated()]"
        )


def refuse_lifetime_sums(dropped: Collection[str]) -> None:
    """Raise :class:`FrameError` for a sum over readings each of which holds the one before."""
    for level in [name for name in READING_LEVELS if name in dropped]:
        raise FrameError(
            f"{READING_LEVELS[level]} are never summed over {level!r}: each reading holds the one "
            f"before; keep the level, such as by=[{level!r}, ...], or choose one reading with "
            f"where({level}=...)"
        )


def refuse_overlapping_sums(frame: pd.DataFrame, dropped: Collection[str], *, way_out: str) -> None:
    """Raise :class:`FrameError` for a sum over several keys of `tag` and the like.

    One key alone overlaps with none.
    """
    for level in OVERLAPPING_LEVELS.intersection(dropped):
        if frame.index.get_level_values(level).nunique() < 2:
            continue
        raise FrameError(
            f"a message may carry several {level}s, so a sum over {level!r} counts it several "
            f"times; {way_out}"
        )


def passes_unique_window(frame: pd.DataFrame, dropped: Collection[str]) -> bool:
    """Return whether a sum over the dropped levels spans more than seven days."""
    if frame.empty:
        return False
    if "age" in dropped:
        ages = frame.index.get_level_values("age")
        return bool(ages.max() - ages.min() >= UNIQUE_DAYS)
    if "time" not in dropped:
        return False
    times = times_of(frame)
    # From the first start to the last start: the hours of seven days stay below seven days.
    return bool(times.max() - times.min() >= pd.Timedelta(days=UNIQUE_DAYS))


def warn_of_uniques(counts: Collection[str], *, over_bots: bool, over_days: bool) -> None:
    """Warn once where unique counts are summed over `bot` or over more than seven days."""
    uniques = [name for name in counts if name in COUNTS and COUNTS[name].unique]
    over = ["over 'bot'"] * over_bots + [f"over more than {UNIQUE_DAYS} days"] * over_days
    if uniques and over:
        verb = "is" if len(uniques) == 1 else "are"
        warn(
            f"{' and '.join(uniques)} {verb} unique per message, recipient and bot within "
            f"{UNIQUE_DAYS} days; summed {' and '.join(over)} the same person can count again"
        )
