"""Time to days since the send, so that campaigns of unequal age compare at equal age."""

from __future__ import annotations

from numbers import Integral
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from mgframe.dividing import bucket_numbers
from mgframe.errors import FrameError, QueryError, warn
from mgframe.framing import complete_until, key_levels, meta_of, resolution_of, times_of, with_meta
from mgframe.sendtimes import Sends, named, read_sends, sent_rows
from mgframe.summing import (
    Booleans,
    Integers,
    add_up,
    group_rows,
    integers,
    labels_of,
    passes_unique_window,
    plain_labels,
    require_counts,
    warn_of_uniques,
)
from mgframe.timespan import Moment, json_time

#: How many buckets make a day since the send.
_A_DAY: Final = {"hour": 24, "day": 1}


def by_age(
    frame: pd.DataFrame,
    sent_at: Sends,
    *,
    cumulative: bool = False,
    through: int | None = None,
    until: Moment | None = None,
    skipna: bool = False,
) -> pd.DataFrame:
    """Return the counts of tags by days since their send, in place of time.

    A campaign of yesterday has fewer opens than one of last month, because it is younger. By age,
    both compare at equal age: ``through=3`` keeps what came in on the days 0 to 3 of each.

    Parameters
    ----------
    frame : DataFrame
        A frame of counts in hours or days with the level `tag`, from
        ``mg.metrics(by=["domain", "tag"])`` or :func:`mgframe.tag_totals`.
    sent_at : mapping, Series or DataFrame
        When each tag was sent: a mapping of tag to moment, a Series of moments indexed by tag, or
        your own table of campaigns with columns (or an index) called ``tag`` and ``sent_at``. A
        naive moment is UTC, in a frame of local days in their zone. Tags are written as in the
        frame; tags without a send time are left out, with a warning.
    cumulative : bool, default False
        Count everything since the send until the end of each day: opens by day 3, not on day 3.
        Rates row by row have a meaning only so, for opens come after the deliveries of day 0.
    through : int, optional
        The last age to keep. Tags that have not completed it are left out, with a warning, so that
        sums are of equal age; cumulative counts, which nothing adds up, stay as far as they go.
    until : str or datetime, optional
        Until when (exclusive) buckets are complete; from attrs where left out.
    skipna : bool, default False
        Add up what is known. Otherwise a sum with an unknown part, or with a bucket that has no
        row, is NA.

    Returns
    -------
    DataFrame
        The same columns (``Int64``) and keys; the level `time` is replaced by `age`, whole days
        since the send (``int64``), or by `as_of_age` where the counts are cumulative: like
        lifetime counters, they are never summed over it. Every tag has a row for each age that is
        complete, from 0 on; NA is an age that the frame says nothing of. An age that is not over
        yet has no row, so that a young campaign is no drop.

        Of hours, age 0 is the first 24 from the hour that holds the send. Of days, age 0 is the
        day that holds the send, as short as the send was late: fetch hours where that matters.

    Raises
    ------
    QueryError
        `sent_at` holds no send time of any of the frame's tags, two for one tag, or what is no
        time; or `through` is no whole number of 0 or more.
    FrameError
        The frame has no `tag` or no `time`, other buckets than hours and days, or it is not known
        until when it is complete.

    Warns
    -----
    MgframeWarning
        Tags are left out, counts lie before a send, buckets are missing, or unique counts are
        added up over more than seven days.

    Notes
    -----
    age = floor((bucket - bucket of the send) / 24 h), complete where its last bucket ends at or
    before `until`, and within the frame. Unique counts are de-duplicated by Mailgun over 7 days
    (its user manual, metric definitions), so their sums through day 6 count nobody twice.

    Examples
    --------
    >>> import pandas as pd, mgframe as mg
    >>> table = pd.DataFrame({"date": ["2026-11-09", "2026-11-10", "2026-11-11"] * 2,
    ...                       "tag": ["sale"] * 3 + ["recall"] * 3,
    ...                       "delivered": [900, 100, 0, 0, 500, 0],
    ...                       "unique_opened": [200, 120, 40, 0, 90, 60]})
    >>> df = mg.as_frame(table, resolution="day", complete_until="2026-11-12")
    >>> sent_at = {"sale": "2026-11-09 10:00", "recall": "2026-11-10 16:00"}
    >>> mg.by_age(df, sent_at, cumulative=True)  # doctest: +NORMALIZE_WHITESPACE
                      delivered  unique_opened
    as_of_age tag
    0         recall        500             90
              sale          900            200
    1         recall        500            150
              sale         1000            320
    2         sale         1000            360
    >>> mg.by_age(df, sent_at, through=1).mg.rates("open_rate", by="tag")
            open_rate
    tag
    recall       0.30
    sale         0.32
    """
    _check(frame, through)
    rows = _Rows.of(frame, sent_at, complete_until(frame, until))
    least = 0 if cumulative or through is None else through
    kept = np.asarray(rows.reached > least)
    _warn_of_counts_before(rows.frame, rows.age < 0)
    _warn_of_young(rows.frame, ~kept, least)
    ends = rows.reached if through is None else np.minimum(rows.reached, through + 1)
    ages = _by_age(rows, np.where(kept, ends, 0), skipna=skipna)
    if cumulative:
        ages = _running(ages, skipna=skipna)
    meta = {**meta_of(frame), "resolution": "total", "age_buckets": rows.width}
    if until is not None:
        meta["complete_until"] = json_time(complete_until(frame, until))
    return with_meta(ages.sort_index(), meta)


def _check(frame: pd.DataFrame, through: int | None) -> None:
    if through is not None and (
        isinstance(through, bool) or not isinstance(through, Integral) or through < 0
    ):
        raise QueryError(
            f"through={through!r} must be a whole number of 0 or more: the last day to keep"
        )
    times_of(frame)
    if "tag" not in frame.index.names:
        raise FrameError(
            f"by_age needs the level 'tag', but the frame's levels are {list(frame.index.names)}; "
            "fetch mg.metrics(by=['domain', 'tag']) or mg.tag_totals(domain, tag)"
        )
    width = resolution_of(frame)
    if width not in _A_DAY:
        raise FrameError(
            f"by_age needs hours or days, but the frame has {width}s, in which a send has no day; "
            "fetch resolution='day'"
        )
    require_counts(frame, list(frame.columns))


# ---------------------------------------------------------------- ages


class _Rows(NamedTuple):
    """The rows of tags that were sent: their age, and how many ages of their tag are complete.

    `early` are those whose tag was sent before the frame begins.
    """

    frame: pd.DataFrame
    width: str
    age: Integers
    reached: Integers
    early: Booleans

    @classmethod
    def of(cls, frame: pd.DataFrame, sent_at: Sends, edge: pd.Timestamp) -> _Rows:
        """Return the rows of a frame that is complete until an edge."""
        width, times, tags = resolution_of(frame), times_of(frame), plain_labels(frame, "tag")
        sends = read_sends(sent_at, times.tz)
        known = sent_rows(tags, sends)
        buckets = bucket_numbers(times, width)
        end = bucket_numbers(pd.DatetimeIndex([edge]).tz_convert(times.tz), width)[0]
        end = min(end, buckets.max(initial=-1) + 1)
        sent = bucket_numbers(pd.DatetimeIndex(sends.reindex(tags[known])), width)
        age = (buckets[known] - sent) // _A_DAY[width]
        reached = np.maximum(end - sent, 0) // _A_DAY[width]
        early = sent < buckets.min(initial=end)
        return cls(frame[known], width, age, reached, early)


def _by_age(rows: _Rows, ends: Integers, *, skipna: bool) -> pd.DataFrame:
    """Return the sums of every key for each age below the ends, which are those of its rows."""
    frame = rows.frame
    groups, keys = group_rows(labels_of(frame, key_levels(frame)))
    size = np.zeros(len(keys), dtype="int64")
    size[groups] = ends
    # Key after key, the ages of each in order: where a key's ages begin, and whose each one is.
    first = np.cumsum(size) - size
    key = np.repeat(np.arange(len(keys)), size)
    age = np.arange(len(key)) - first[key]
    levels = [keys.get_level_values(name).take(key) for name in key_levels(frame)]
    index = pd.MultiIndex.from_arrays([age, *levels], names=["age", *keys.names])
    kept = (rows.age >= 0) & (rows.age < ends)
    place = (first[groups] + rows.age)[kept]
    sums = add_up(frame[kept], place, index, skipna=skipna)
    lacking = np.bincount(place, minlength=len(index)) < _A_DAY[rows.width]
    if skipna or not lacking.any():
        return sums
    _warn_of_holes(lacking, plain_labels(frame, "tag")[rows.early & (ends > 0)].unique())
    return sums.mask(np.repeat(lacking[:, np.newaxis], sums.shape[1], axis=1))


def _running(ages: pd.DataFrame, *, skipna: bool) -> pd.DataFrame:
    """Return the counts since the send until the end of each age, which are in order."""
    by, known = key_levels(ages), ages.notna()
    lost = ~known.groupby(level=by).cummax() if skipna else ~known.groupby(level=by).cummin()
    sums = ages.fillna(0).groupby(level=by).cumsum().mask(lost)
    names = [str(name) for name in ages.columns]
    warn_of_uniques(names, over_bots=False, over_days=passes_unique_window(ages, ["age"]))
    return sums.rename_axis(index={"age": "as_of_age"})


# ---------------------------------------------------------------- what is left out


def _warn_of_counts_before(frame: pd.DataFrame, before: Booleans) -> None:
    """Warn of counts that lie before the send, by the first column that has any."""
    early = frame[before]
    for name in early.columns:
        values, _ = integers(early, str(name))
        if values.any():
            tags = plain_labels(early, "tag")[values > 0].unique()
            warn(
                f"{values.sum():,} {name} of {named(tags)} lie before the send and are left out "
                f"(rows: {len(early)}); was the tag used before, or is its sent_at too late (in "
                "which zone is it)?"
            )
            return


def _warn_of_young(frame: pd.DataFrame, young: Booleans, least: int) -> None:
    tags = plain_labels(frame, "tag")[young].unique()
    if len(tags):
        warn(f"{named(tags)} left out, for day {least} since the send is not complete yet")


def _warn_of_holes(lacking: Booleans, early: pd.Index) -> None:
    said = f"; {named(early)} went out before the frame begins, so fetch from the send on"
    warn(
        f"{lacking.sum()} of {len(lacking)} ages lack a bucket that has no row, which is unknown, "
        f"not zero; they are NA, skipna=True adds up what is there{said if len(early) else ''}"
    )
