"""Which rates are over a limit, judged from the interval and not from the point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from mgframe.analysis.daily import rate_for
from mgframe.analysis.limits import Limit, Wanted, read_limits
from mgframe.clustering import EARLIER, PooledDays, borrowed
from mgframe.dividing import Floats, Pool, Sides
from mgframe.eligibility import choose_rates
from mgframe.errors import FrameError, QueryError
from mgframe.feedback import mixed_rows, silent_rows
from mgframe.framing import (
    complete_until,
    key_levels,
    meta_of,
    resolution_of,
    times_of,
    with_meta,
)
from mgframe.intervals import at_size, clopper_pearson, effective_size, read_level
from mgframe.ratios import sides_of
from mgframe.summing import (
    Integers,
    levels_dropped,
    levels_named,
    refuse_lifetime_sums,
    refuse_overlapping_sums,
    with_used_labels,
)
from mgframe.timespan import Moment, json_time, local_midnights
from mgframe.vocabulary import DELIVERED_FBL, Rate

#: Verdicts, what needs a look first.
VERDICTS: Final = ("over", "undetermined", "under", "no data")

#: Rates of which more is better: how many events are left before a limit is no question there.
_MORE_IS_BETTER: Final = frozenset(
    {"delivery_rate", "open_rate", "click_rate", "click_to_open_rate"}
)

_GMAIL: Final = (
    "Gmail reports no complaints to Mailgun: read its spam rate in Google Postmaster Tools."
)
_MIXED: Final = "Holds providers that report no complaints; name them apart."
_UNDERSTATED: Final = "Understated by Gmail's share, which reports no complaints; fetch providers."
_UNKNOWN: Final = "A count is not known."
_NO_MAIL: Final = "No mail in these days."
_NO_PROPORTION: Final = (
    "More events than messages: they belong to mail sent before; take more days."
)
_ONE_DAY: Final = "One day of mail: how days differ is not known, so the interval is too narrow."
_NO_TIME: Final = "No days known: the interval takes messages for independent and is too narrow."

Texts = npt.NDArray[np.object_]


@dataclass(frozen=True)
class _Judged:
    """One rate of every key: its counts, its interval, on how many days it stands, and remarks."""

    events: Floats
    messages: Floats
    low: Floats
    high: Floats
    days: Floats
    notes: Texts


def thresholds(
    frame: pd.DataFrame,
    limits: Wanted | None = None,
    *,
    by: str | Sequence[str] | None = None,
    days: int = 7,
    until: Moment | None = None,
    level: float = 0.95,
    least: int = 5,
) -> pd.DataFrame:
    """Return for each key and limit whether its rate is over it, under it, or cannot be told.

    The last complete days are pooled, and the interval decides: a rate whose point lies above a
    limit while its interval reaches below it is `undetermined`.

    Parameters
    ----------
    frame : DataFrame
        A frame of counts by days or hours, or one that was summed over time.
    limits : mapping or list, optional
        By default the known limits of complaints (0.10 % and 0.30 %) and bounces (2 % and 5 %), for
        all bounces and for hard ones as far as the frame has them. Your own: a mapping of a rate to
        a limit, to several or to named ones, such as
        ``{"complaint_rate": 0.0008, "bounce_rate": {"our target": 0.01}}``. A list mixes names of
        rates, whose known limits are meant, with ``(rate, limit)`` or ``(rate, limit, name)``.
    by : str or sequence of str, optional
        The keys to judge apart, by default all that the frame has; ``[]`` judges all as one.
    days : int, default 7
        How many complete days are pooled: the last ones before `until`, in the frame's zone.
    until : str or datetime, optional
        Until when (exclusive) buckets are complete; from attrs where left out.
    level : float, default 0.95
        The level of the interval, which is two-sided: a wrong "over" and a wrong "under" each
        happen at most (1 - level) / 2 of the time, 2.5 %, where messages are independent; of days
        see the notes.
    least : int, default 5
        With fewer events nothing is called over.

    Returns
    -------
    DataFrame
        A row per key and limit with a plain index, over first: the keys, ``metric`` (the rate's
        name), ``limit_name``, ``limit``, ``k`` and ``n`` (events and messages, ``Int64``),
        ``rate``, ``low``, ``high`` (fractions), ``verdict`` (over, undetermined, under, no data),
        ``headroom`` (``Int64``: how many more events the same mail can have and stay below the
        limit; negative: how many it has too many; NA where more is better), ``days`` (with mail),
        ``start`` and ``end`` (the days pooled, the last one included), ``source`` (who sets the
        limit), ``note``.

    Raises
    ------
    QueryError
        A limit, `days`, `level` or `least` is malformed, or a rate is no proportion.
    FrameError
        The frame lacks a count or a level, has weeks or months, holds lifetime counters, or it is
        not known until when it is complete.

    See Also
    --------
    mgframe.rates : Rates with intervals.

    Notes
    -----
    The interval is Clopper and Pearson's, at the effective number of messages where several days
    are pooled (Korn and Graubard's interval, :func:`mgframe.intervals.effective_size`): never
    narrower than the plain one, and as wide as the days differ. Where there are fewer than four
    days of mail (for complaints and other late events: of sending), up to seven earlier periods of
    the frame are asked how days differ, so hand over a month or two.

    Days are taken for independent. On synthetic mail whose true rate is the limit, 1 to 2 of 100
    weeks are called over where they are, and 3 to 6 where each day resembles the one before (0.3).

    Where the frame has providers, complaints are divided by the mail to those that report any
    (``delivered_fbl``), and rows of Gmail and Google Workspace have no data: Google's own limits
    are for complaints that Mailgun never sees. Where it has none, a note says that the rate is
    understated, so that "under" is no all-clear.

    Examples
    --------
    >>> import pandas as pd
    >>> from mgframe.adopting import as_frame
    >>> table = pd.DataFrame({"date": pd.date_range("2026-11-09", periods=7), "domain": "a.com",
    ...                       "delivered": 20_000, "complained": [50, 60, 55, 48, 62, 51, 57]})
    >>> df = as_frame(table, resolution="day")
    >>> found = thresholds(df, until="2026-11-16")
    >>> found[["domain", "limit", "k", "n", "verdict", "headroom"]]
      domain  limit    k       n       verdict  headroom
    0  a.com  0.001  383  140000          over      -244
    1  a.com  0.003  383  140000  undetermined        36
    """
    if not isinstance(frame, pd.DataFrame):
        raise QueryError(f"this takes a frame of counts, not {type(frame).__name__}")
    level = read_level(level, argument="level")
    _require_whole(days=days, least=least)
    kept = key_levels(frame) if by is None else levels_named(frame, by)
    dropped = levels_dropped(frame, kept)
    refuse_lifetime_sums([*dropped, *("as_of" for name in kept if name == "as_of")])
    refuse_overlapping_sums(frame, dropped, way_out="name it in by=")
    if "time" in kept:
        raise QueryError(
            "by= names 'time', but the last days are pooled; leave it out, or see each bucket with "
            "rates(interval=0.95)"
        )
    wanted = read_limits(limits, _possible(frame))
    if not wanted:
        raise FrameError(
            "the frame can give no rate that has a known limit (complaint_rate needs complained "
            "and delivered, bounce_rate bounced and processed); give your own with limits="
        )
    span = _Span.of(frame, days, until)
    pool = Pool.over(span.frame, kept)
    parts = []
    for name in dict.fromkeys(limit.rate for limit in wanted):
        judged = _judge(span, name, pool, level)
        parts += [_rows(judged, limit, pool, kept, least) for limit in wanted if limit.rate == name]
    return _table(parts, frame, span)


def _require_whole(**numbers: Any) -> None:
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise QueryError(f"{name}={number!r} must be a whole number of 1 or more")


def _possible(frame: pd.DataFrame) -> list[str]:
    try:
        return [rate.name for rate in choose_rates(frame, None, None)]
    except FrameError:
        return []


# ---------------------------------------------------------------- the days


@dataclass(frozen=True)
class _Span:
    """The rows of the days that are judged (period 0), and of as many before (1, 2, ...)."""

    frame: pd.DataFrame
    period: Integers
    start: pd.Timestamp | None = None
    end: pd.Timestamp | None = None

    @classmethod
    def of(cls, frame: pd.DataFrame, days: int, until: Moment | None) -> _Span:
        """Return the last complete days of a frame; all of one without time."""
        if "time" not in frame.index.names or frame.empty:
            return cls(frame, np.zeros(len(frame), dtype="int64"))
        _require_days(frame, days)
        times = times_of(frame)
        stop = complete_until(frame, until).tz_convert(times.tz).normalize()
        # A window that ended long ago has its own last days.
        stop = min(stop, times.max().normalize() + pd.DateOffset(days=1))
        midnights = pd.DatetimeIndex([stop]).tz_localize(None)
        age = (midnights[0] - local_midnights(times)).days.to_numpy() - 1
        period = age // days
        rows = (age >= 0) & (period <= EARLIER)
        recent = with_meta(with_used_labels(frame[rows]), meta_of(frame))
        first, last = (stop - pd.DateOffset(days=number) for number in (days, 1))
        return cls(recent, period[rows].astype("int64"), first, last)


def _require_days(frame: pd.DataFrame, days: int) -> None:
    width = resolution_of(frame)
    if width not in ("hour", "day"):
        raise FrameError(
            f"thresholds pool the last {days} days, but the frame has {width}s; fetch "
            "resolution='day', or judge all that is there as one: df.mg.sum(keys) before"
        )


# ---------------------------------------------------------------- judging


def _judge(span: _Span, name: str, pool: Pool, level: float) -> _Judged:
    """Return the interval of one rate for every key."""
    frame = span.frame
    rate = rate_for([frame], name, None)
    sides = sides_of(frame, rate, {})
    events, messages = _last(pool, span.period, sides)
    size, freedom, days = _size(span, pool, sides, messages, level, late=rate.event_time)
    low, high = clopper_pearson(*at_size(events, messages, size), level)
    notes = _notes(rate, pool.index, meta_of(frame), (events, messages), freedom)
    if name == "complaint_rate":
        silent = silent_rows(pool.index) | mixed_rows(pool.index, meta_of(frame))
        for values in (events, messages, low, high):
            values[silent] = np.nan
    return _Judged(events, messages, low, high, days, notes)


def _last(pool: Pool, period: Integers, sides: Sides) -> Sides:
    """Return both sides pooled over the last days; 0 for a key without a row there."""
    cells = Pool(
        pool.groups * (EARLIER + 1) + period, pd.RangeIndex(len(pool.index) * (EARLIER + 1))
    )
    there = np.bincount(pool.groups[period == 0], minlength=len(pool.index)) > 0
    events, messages = (side.reshape(-1, EARLIER + 1)[:, 0] for side in cells.sums(*sides))
    return np.where(there, events, 0.0), np.where(there, messages, 0.0)


def _size(
    span: _Span, pool: Pool, sides: Sides, messages: Floats, level: float, *, late: bool
) -> tuple[Floats, Floats, Floats]:
    """Return of every key the effective messages, the degrees of freedom, and the days of mail."""
    keys, periods = len(pool.index), EARLIER + 1
    if "time" not in span.frame.index.names:
        unknown = np.full(keys, np.nan)
        return messages, unknown, unknown
    cells = Pool(pool.groups * periods + span.period, pd.RangeIndex(keys * periods))
    days = PooledDays.over(span.frame, cells)
    parts = [part.reshape(keys, periods) for part in days.spread(*sides, late=late)]
    weighted, freedom = borrowed([(parts[0][:, i], parts[1][:, i]) for i in range(periods)])
    mailing = days.mailing(sides[1]).reshape(keys, periods)[:, 0]
    return effective_size(messages, weighted, freedom, level), freedom, mailing


def _notes(
    rate: Rate, index: pd.Index, meta: Mapping[str, Any], pooled: Sides, freedom: Floats
) -> Texts:
    """Return what has to be known of each key's rate."""
    events, messages = pooled
    complaints = rate.name == "complaint_rate"
    alone = rate.denominator != DELIVERED_FBL
    silent, mixed = silent_rows(index), mixed_rows(index, meta)
    told = [
        (complaints & silent, _GMAIL),
        (complaints & mixed & ~silent, _MIXED),
        (np.isnan(messages) & ~(complaints & (silent | mixed)), _UNKNOWN),
        ((messages == 0) & (events == 0) & ~(complaints & silent), _NO_MAIL),
        (events > messages, _NO_PROPORTION),
        ((freedom == 0) & (messages > 0), _ONE_DAY),
        (np.isnan(freedom), _NO_TIME),
        (np.full(len(index), complaints and alone), _UNDERSTATED),
    ]
    return _joined(told, len(index))


def _joined(told: Sequence[tuple[npt.NDArray[np.bool_], str]], rows: int) -> Texts:
    notes: Texts = np.full(rows, "", dtype=object)
    for where, text in told:
        notes[where] = notes[where] + (text + " ")
    return notes


def _rows(
    judged: _Judged, limit: Limit, pool: Pool, kept: Sequence[str], least: int
) -> pd.DataFrame:
    """Return one row per key: where its interval lies beside one limit."""
    events, messages = judged.events, judged.messages
    verdict = _verdicts(judged, limit.value, least)
    few = (verdict == "undetermined") & (judged.low > limit.value)
    remarks = _joined(
        [
            (few, f"Fewer than {least} events."),
            (np.full(len(verdict), bool(limit.note)), limit.note),
        ],
        len(verdict),
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(messages > 0, events / messages, np.nan)
    keys = pool.index.to_frame(index=False)[list(kept)] if kept else pd.DataFrame()
    columns = {
        "metric": limit.rate,
        "limit_name": limit.name,
        "limit": limit.value,
        "k": _whole(events),
        "n": _whole(messages),
        "rate": rate,
        "low": judged.low,
        "high": judged.high,
        "verdict": verdict,
        "headroom": _whole(_headroom(events, messages, limit)),
        "days": _whole(judged.days),
        "source": limit.source,
        "note": [text.strip() for text in judged.notes + remarks],
    }
    return pd.concat([keys, pd.DataFrame(columns, index=range(len(verdict)))], axis=1)


def _verdicts(judged: _Judged, limit: float, least: int) -> Texts:
    nothing = np.isnan(judged.messages) | (judged.messages == 0)
    conditions = [nothing, (judged.low > limit) & (judged.events >= least), judged.high < limit]
    return np.select(conditions, ["no data", "over", "under"], "undetermined").astype(object)


def _headroom(events: Floats, messages: Floats, limit: Limit) -> Floats:
    """Return how many more events keep the rate below the limit."""
    if limit.rate in _MORE_IS_BETTER:
        return np.full(len(events), np.nan)
    # 0.003 * 7000 is 21.000000000000004 or so, and the limit is reached at 21.
    room: Floats = np.ceil(np.round(limit.value * messages, 6)) - 1 - events
    return np.where(messages > 0, room, np.nan)


def _whole(values: Floats) -> pd.api.extensions.ExtensionArray:
    unknown = np.isnan(values)
    return pd.arrays.IntegerArray(np.where(unknown, 0, values).astype("int64"), unknown)


def _table(parts: Sequence[pd.DataFrame], frame: pd.DataFrame, span: _Span) -> pd.DataFrame:
    """Return all rows as one plain table, what needs a look first."""
    table = pd.concat(parts, ignore_index=True)
    zone = times_of(frame).tz if "time" in frame.index.names else "UTC"
    dtype = pd.DatetimeTZDtype("us", zone)
    place = list(table.columns).index("source")
    for name, moment in (("end", span.end), ("start", span.start)):
        table.insert(place, name, pd.Series([moment] * len(table), dtype=dtype))
    order = table["verdict"].map({verdict: i for i, verdict in enumerate(VERDICTS)})
    table = table.loc[order.sort_values(kind="stable").index].reset_index(drop=True)
    origin = {key: value for key, value in meta_of(frame).items() if key != "resolution"}
    edges = [json_time(moment) for moment in (span.start, span.end) if moment is not None]
    return with_meta(table, origin | ({"pooled": edges} if edges else {}))
