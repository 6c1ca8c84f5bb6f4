"""Since when: the days from which a rate lay at another level, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.analysis.daily import meta_of_rate
from mgframe.analysis.discoveries import q_values
from mgframe.analysis.effects import EFFECTS
from mgframe.analysis.forecasting import LEAST_BUCKETS
from mgframe.analysis.monitoring import BETTER, FALSE_ALARMS, WORSE, read_share, read_size, texts
from mgframe.analysis.panels import Panel, panel_of
from mgframe.analysis.scanning import MOST, Stretch, inflation, strongest
from mgframe.analysis.seasonality import Calendar, Fit
from mgframe.analysis.tails import NORMAL_95, expit, normal_p
from mgframe.analysis.telling import change_sentence
from mgframe.dividing import Floats
from mgframe.errors import FrameError, warn
from mgframe.framing import is_simulated, meta_of, with_meta
from mgframe.intervals import Bounds
from mgframe.summing import Booleans, Integers
from mgframe.timespan import Moment

#: How far a stretch must lie from chance, as a normal deviate; of clean series of two to four
#: months about one in a hundred has a stretch that far.
LIMIT: Final = 4.5
#: How many stretches there are to choose among, counted as if they were independent.
_CHOICES: Final = 700
_LEAST_EVENTS: Final = 3.0
#: How many days the spread of the days before counts beside that of the stretch itself.
_DAYS_OF_BEFORE: Final = 2


@dataclass(frozen=True)
class _Found:
    """Stretches that were found, as columns: which series, which days, how much."""

    series: Integers
    start: Integers
    stop: Integers
    lowest: Integers
    highest: Integers
    n: Floats
    k: Floats
    before: Floats
    low: Floats
    high: Floats
    z: Floats
    q: Floats

    @classmethod
    def joined(cls, parts: Sequence[_Found]) -> _Found:
        """Return all of them in one."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    def where(self, rows: Any) -> _Found:
        """Return some of them, in that order."""
        return _Found(*(getattr(self, f.name)[rows] for f in fields(self)))


def changepoints(
    frame: pd.DataFrame,
    rate: str,
    *,
    by: str | Sequence[str] | None = None,
    of: str | None = None,
    limit: float = LIMIT,
    false_alarms: float = FALSE_ALARMS,
    holidays: Sequence[Moment] | None = None,
    until: Moment | None = None,
) -> pd.DataFrame:
    """Return the stretches of days in which a rate lay at another level, and since when.

    Parameters
    ----------
    frame : DataFrame
        A frame of counts in days, 28 or more.
    rate : str
        A rate, by its name here or Mailgun's own; a proportion.
    by, of, holidays, until
        As for :func:`mgframe.anomalies`.
    limit : float, default 4.5
        How many standard deviations from chance a stretch must lie.
    false_alarms : float, default 0.05
        The share of false ones among the keys with a change (Benjamini and Hochberg over all keys).

    Returns
    -------
    DataFrame
        A plain table, the worst first; no row for keys whose level did not change, and at most four
        for one key. The key levels (text); `start`, the first day of the new level, with
        `start_low` and `start_high`, the first and last day of the set of days that holds the true
        start in 90 % of cases; `end`, the last day of it; `ongoing`, whether the frame ends there
        (all times are the starts of days in the frame's zone); `n` and `k` (``int64``: messages and
        events in the stretch); `before` (the rate that was to be expected of these days without the
        change), `during` (k / n) and `change`, with `change_low` and `change_high` (95 %, given the
        dates); `excess`: how many messages fared worse than expected, negative where they fared
        better; `direction` (``worse`` or ``better``); `z`, how far the stretch is from chance;
        `q_value`, over all stretches and keys; and `sentence`, all of it in words.
        ``attrs["mgframe"]`` says how many series there were and how many could be judged, and in
        `cannot_tell` why none could.

    Raises
    ------
    QueryError
        There is no such rate, or a limit is no number above 0.
    FrameError
        The frame cannot give the rate, or it is no proportion; the buckets are not days; or it is
        not known until when the frame is complete.

    Warns
    -----
    MgframeWarning
        Keys are not judged because they have fewer than 28 settled days with messages.

    Notes
    -----
    All stretches of 2 to 42 days are tried, and all that last until the end of the frame, against
    the level and the weekdays of the other days: a weighted regression of the logit, whose gain is
    divided by (1 + rho) / (1 - rho) where days resemble each other. The first week cannot hold a
    start. On synthetic clean series of 60 to 120 days one in a hundred gets a change, one in twenty
    where days resemble each other at 0.6. A rise from 1.5 % to 2.5 % that is two weeks old is dated
    within a day in nine of ten cases at 20,000 messages a day; at 300 a day it is rarely seen.

    Examples
    --------
    >>> import pandas as pd, mgframe as mg
    >>> table = pd.DataFrame({"date": pd.date_range("2026-08-03", periods=60), "domain": "a.com",
    ...     "sent": 1000, "delivered": [985, 983, 987, 984] * 12 + [955, 953, 957, 954] * 3})
    >>> df = mg.as_frame(table, resolution="day", complete_until="2026-10-03")
    >>> changepoints(df, "delivery_rate")["sentence"].item()  # doctest: +ELLIPSIS
    'Delivery rate of a.com has fallen from 98.4% to 95.5% since 20 Sep 2026 ...'
    """
    limit, share = read_size(limit, "limit"), read_share(false_alarms)
    panel = panel_of(frame, rate, by=by, of=of, holidays=holidays, until=until)
    if panel.width != "day":
        raise FrameError(
            "the frame holds hours, but a change of level is dated by the day; sum the hours first "
            "with df.mg.resample('D') or df.mg.local_days(tz)"
        )
    enough = panel.buckets >= LEAST_BUCKETS["day"]
    table = _table(panel, _search(panel, enough, limit, share))
    meta = {
        "analysis": "changepoints",
        **meta_of_rate(panel.rate),
        "series": len(panel.keys),
        "judged": int(enough.sum()),
        "simulated": is_simulated(frame),
        **({"region": meta_of(frame)["region"]} if "region" in meta_of(frame) else {}),
    }
    if why := _why_not(panel, enough):
        warn(why)
        if not enough.any():
            meta["cannot_tell"] = why
    return with_meta(table, meta)


def _why_not(panel: Panel, enough: Booleans) -> str:
    if enough.all() and len(enough):
        return ""
    need = f"{LEAST_BUCKETS['day']} settled days with messages are needed"
    if enough.any():
        return f"{int((~enough).sum())} of {len(enough)} keys are not judged: {need}"
    longest = int(panel.buckets.max(initial=0))
    return f"cannot tell, because {need}, and the longest series has {longest}; fetch more days"


# ---------------------------------------------------------------- the search


def _search(panel: Panel, enough: Booleans, limit: float, share: float) -> _Found:
    """Return the stretches of all series: the strongest first, then those beside it."""
    last = int(np.flatnonzero(panel.learn).max(initial=-1)) + 1
    series = np.flatnonzero(enough)
    k, n, noise = (side[series, :last] for side in (panel.k, panel.judged, panel.noise))
    offset = np.zeros(k.shape)
    calendar = Calendar.of(panel.times[:last], "day")
    parts = [_nothing()]
    changed = 0
    for _ in range(MOST):
        if not len(series):
            break
        stretch, usual = strongest(k, n, offset, calendar, noise)
        p = np.minimum(1.0, _CHOICES * normal_p(stretch.z))
        q = q_values(p) if not changed else np.minimum(1.0, p * int(enough.sum()) / changed)
        found = _found(series, k, n, offset, calendar, stretch, usual, q)
        kept = np.flatnonzero(
            (np.abs(stretch.z) > limit)
            & (q <= share)
            & (np.abs(found.k - found.n * found.before) >= _LEAST_EVENTS)
        )
        parts.append(found.where(kept))
        changed = changed or len(kept)
        shift = np.where(stretch.inside(last), stretch.effect[:, None], 0.0)
        series, offset = series[kept], (offset + shift)[kept]
        k, n, noise = k[kept], n[kept], noise[kept]
    return _Found.joined(parts)


def _nothing() -> _Found:
    whole, real = np.zeros(0, dtype="int64"), np.zeros(0)
    return _Found(whole, whole, whole, whole, whole, *[real] * 7)


def _found(
    series: Integers,
    k: Floats,
    n: Floats,
    offset: Floats,
    calendar: Calendar,
    stretch: Stretch,
    usual: Fit,
    q: Floats,
) -> _Found:
    """Return what the strongest stretch of each series did to the rate."""
    inside = stretch.inside(k.shape[1]) & (n > 0)
    held = np.where(inside, n, 0.0)
    messages, events = held.sum(axis=1), (k * inside).sum(axis=1)
    logits = usual.logits(calendar) + offset
    safe = np.maximum(messages, 1e-12)
    before = (held * expit(logits)).sum(axis=1) / safe
    low, high = _change_between(before, k * inside, held, stretch, usual)
    first = np.where(inside.any(axis=1), inside.argmax(axis=1), stretch.start)
    after = inside.shape[1] - inside[:, ::-1].argmax(axis=1)
    return _Found(
        series,
        first,
        np.where(inside.any(axis=1), after, stretch.stop),
        np.minimum(stretch.lowest, first),
        np.maximum(stretch.highest, first),
        messages,
        events,
        before,
        low,
        high,
        stretch.z,
        q,
    )


def _change_between(
    before: Floats, k: Floats, held: Floats, stretch: Stretch, usual: Fit
) -> Bounds:
    """Return the 95 % bounds of the change: those of both rates on the logit scale, combined."""
    events, messages = k.sum(axis=1), np.maximum(held.sum(axis=1), 1e-12)
    # Late events can outnumber the messages of their days.
    during = np.minimum((events + 0.5) / (messages + 1), 1 - 0.5 / (messages + 1))
    days = (held > 0).sum(axis=1)
    like = inflation(stretch.rho, np.maximum(days, 1))
    counting = 1 / np.maximum(messages * during * (1 - during), 1e-9)
    usually = usual.stray * (held**2).sum(axis=1) / messages**2 + counting
    off = ((k - during[:, None] * held) ** 2).sum(axis=1) / messages**2
    now = off / (during * (1 - during)) ** 2 * days / np.maximum(days - 1, 1)
    # A few days say little of how far rates stray, so those before speak as well.
    variance = (now * (days - 1) + usually * _DAYS_OF_BEFORE) / (days - 1 + _DAYS_OF_BEFORE)
    lasting = (1 + stretch.rho) / (1 - stretch.rho)
    sides = []
    for rate, spread in (
        (during, np.maximum(variance, counting) * like),
        (before, usual.doubt * lasting),
    ):
        logit = np.log(rate / (1 - rate))
        half = NORMAL_95 * np.sqrt(spread)
        sides.append((rate - expit(logit - half), expit(logit + half) - rate))
    (down, up), (fall, rise) = sides
    change = events / messages - before
    return change - np.hypot(down, rise), change + np.hypot(up, fall)


# ---------------------------------------------------------------- the table


def _table(panel: Panel, found: _Found) -> pd.DataFrame:
    sign = EFFECTS[panel.rate.name].worse
    excess = sign * (found.k - found.n * found.before)
    order = np.lexsort((found.start, -excess))
    found, excess = found.where(order), excess[order]
    during = np.divide(found.k, found.n, out=np.full(len(excess), np.nan), where=found.n > 0)
    after = np.cumsum(panel.judged[:, ::-1], axis=1)[:, ::-1]
    ends = np.concatenate([after, np.zeros((len(after), 1))], axis=1)
    values: dict[str, Any] = {
        "start": panel.times.take(found.start),
        "start_low": panel.times.take(found.lowest),
        "start_high": panel.times.take(found.highest),
        "end": panel.times.take(found.stop - 1),
        "ongoing": ends[found.series, found.stop] == 0,
        "n": found.n.round().astype("int64"),
        "k": found.k.round().astype("int64"),
        "before": found.before,
        "during": during,
        "change": during - found.before,
        "change_low": found.low,
        "change_high": found.high,
        "excess": excess,
        "direction": texts(np.where(excess > 0, WORSE, BETTER)),
        "z": found.z,
        "q_value": found.q,
    }
    table = panel.keys.iloc[found.series].reset_index(drop=True)
    for name, column in values.items():
        table[name] = column
    names = [str(name) for name in panel.keys.columns]
    rows: list[Any] = table.to_dict("records")
    sentences = [change_sentence(panel.rate, names, row) for row in rows]
    table["sentence"] = texts(sentences)
    return table
