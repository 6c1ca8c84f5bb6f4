"""Frames to an account: several frames of the same days with other keys, checked and aligned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.analysis.cubes import ALONE, Table
from mgframe.analysis.slices import Account
from mgframe.analysis.spans import read_days
from mgframe.dividing import Floats
from mgframe.errors import FrameError, QueryError, type_said
from mgframe.framing import complete_until, key_levels, meta_of, resolution_of, time_level, times_of
from mgframe.periods import resample
from mgframe.summing import Booleans, refuse_repeated_rows
from mgframe.timespan import Moment, local_midnights, localise
from mgframe.vocabulary import DELIVERY_LAG_HOURS

_PAIRS: Final = "time and two keys, such as mg.metrics(by=['domain', 'recipient_provider'])"


Frames = pd.DataFrame | Sequence[pd.DataFrame]


def read_account(
    frames: Frames, *, holidays: Sequence[Moment] | None, until: Moment | None
) -> Account | None:
    """Return what the frames say together, None where they have no rows at all.

    Raises
    ------
    QueryError
        `frames` is no frame and no list of frames, or the holidays are no dates.
    FrameError
        A frame has no time, more than two keys, repeated rows or buckets longer than days; two
        have the same keys, other days or another zone; or it is not known until when they are
        complete.
    """
    filled = [_in_days(frame) for frame in frames_listed(frames) if len(frame)]
    if not filled:
        return None
    levels = [_levels(frame) for frame in filled]
    _refuse_twice(levels)
    days = [_days(frame) for frame in filled]
    _refuse_other_days(days, levels)
    times = days[0]
    settled = _settled(times, filled[0], holidays, until)
    tables = [_table(frame, own, times) for frame, own in zip(filled, levels, strict=True)]
    return Account(times, tuple(tables), settled)


def account_of(
    frames: Frames, *, holidays: Sequence[Moment] | None, until: Moment | None
) -> Account:
    """Return what the frames say together; raise also where they have no rows at all."""
    account = read_account(frames, holidays=holidays, until=until)
    if account is None:
        raise FrameError("the frames have no rows")
    return account


def frames_listed(frames: object) -> list[pd.DataFrame]:
    """Return the frames, one or several, as a list; those of a mapping are its values."""
    if isinstance(frames, pd.DataFrame):
        return [frames]
    listed = list(frames.values()) if isinstance(frames, Mapping) else frames
    if not isinstance(listed, Sequence) or isinstance(listed, str) or not listed:
        said = type_said(frames, archive="mg.investigate(archive=...) takes it")
        raise QueryError(f"frames={said} must be a frame of counts or several")
    for frame in listed:
        if not isinstance(frame, pd.DataFrame):
            said = type_said(frame, archive="mg.investigate(archive=...) takes it")
            raise QueryError(f"frames= holds a {said}; it takes frames of counts with {_PAIRS}")
    return list(listed)


def _in_days(frame: pd.DataFrame) -> pd.DataFrame:
    if time_level(frame) == "as_of":
        raise FrameError("lifetime counters have no days; fetch " + _PAIRS)
    times_of(frame)
    width = resolution_of(frame)
    if width not in ("hour", "day"):
        raise FrameError(
            f"the frame holds {width}s, of which there are too few to tell an incident; fetch "
            "resolution='day'"
        )
    refuse_repeated_rows(frame)
    return resample(frame, "D") if width == "hour" else frame


def _levels(frame: pd.DataFrame) -> tuple[str, str]:
    found = key_levels(frame)
    if len(found) > 2:
        raise FrameError(
            f"a frame has the keys {found}, but two at most are looked at; fetch {_PAIRS}"
        )
    return (found[0] if found else "account", found[1] if len(found) > 1 else ALONE)


def _refuse_twice(levels: Sequence[tuple[str, str]]) -> None:
    seen: set[frozenset[str]] = set()
    for own in levels:
        keys = frozenset(own) - {ALONE}
        if keys in seen:
            raise FrameError(
                f"two frames have the same keys, {sorted(keys)}; pass one, or join them first"
            )
        seen.add(keys)


def _days(frame: pd.DataFrame) -> pd.DatetimeIndex:
    times = times_of(frame)
    days = local_midnights(times)
    whole = pd.date_range(days.min(), days.max(), freq="D", unit="us")
    return localise(whole, times.tz)


def _refuse_other_days(days: Sequence[pd.DatetimeIndex], levels: Sequence[tuple[str, str]]) -> None:
    for own, keys in zip(days[1:], levels[1:], strict=True):
        if not own.equals(days[0]):
            raise FrameError(
                f"the frames are not about the same days: {_span(days[0])} by "
                f"{_names(levels[0])}, {_span(own)} by {_names(keys)}; fetch the same window"
            )


def _span(days: pd.DatetimeIndex) -> str:
    return f"{days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d} ({days.tz})"


def _names(levels: tuple[str, str]) -> str:
    return " and ".join(level for level in levels if level)


def _settled(
    times: pd.DatetimeIndex,
    frame: pd.DataFrame,
    holidays: Sequence[Moment] | None,
    until: Moment | None,
) -> dict[bool, Booleans]:
    ends = times + pd.Timedelta(days=1)
    over = np.asarray(ends <= complete_until(frame, until))
    moment = until if until is not None else meta_of(frame).get("fetched_at")
    final = complete_until(frame, moment)
    still = np.asarray(ends + pd.Timedelta(hours=DELIVERY_LAG_HOURS) <= final)
    off = np.asarray(local_midnights(times).isin(read_days(holidays)))
    # Late events are set beside the sends that they come from, so their days need not wait longer.
    return {False: over & still & ~off, True: over & ~off}


def _table(frame: pd.DataFrame, levels: tuple[str, str], times: pd.DatetimeIndex) -> Table:
    days = local_midnights(times_of(frame))
    column = local_midnights(times).get_indexer(days)
    codes, members = [], []
    for level in levels:
        if level in frame.index.names:
            code, found = pd.factorize(frame.index.get_level_values(level), sort=True)
            names = [str(name) for name in found]
        else:
            code, names = np.zeros(len(frame), dtype="int64"), ["account" if level else ""]
        codes.append(np.asarray(code))
        members.append(tuple(names))
    shape = (len(members[0]), len(members[1]), len(times))
    counts = {str(name): _array(frame[name], (*codes, column), shape) for name in frame.columns}
    return Table(levels, (members[0], members[1]), counts)


def _array(column: Any, place: tuple[Any, ...], shape: tuple[int, ...]) -> Floats:
    """Return a count on the grid; what the frame does not list is nothing, NA stays unknown."""
    found = np.zeros(shape)
    found[place] = column.array.to_numpy(dtype="float64", na_value=np.nan)
    return found
