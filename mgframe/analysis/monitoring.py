"""Buckets out of line with what the weeks before made of them."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.analysis.alarms import Alarms, alarms
from mgframe.analysis.daily import meta_of_rate
from mgframe.analysis.effects import EFFECTS
from mgframe.analysis.forecasting import LEAST_BUCKETS, WINDOW_DAYS, Forecast, forecast
from mgframe.analysis.panels import Panel, panel_of
from mgframe.analysis.tails import count_at
from mgframe.dividing import Floats
from mgframe.errors import QueryError, warn
from mgframe.framing import is_simulated, meta_of, with_meta
from mgframe.summing import Integers
from mgframe.timespan import Moment

#: How far a single bucket must lie from what was expected, in standard deviations. Events that come
#: late have a rougher denominator; hours are many.
LIMIT: Final = 3.5
LATE_LIMIT: Final = 4.0
HOUR_LIMIT: Final = 4.5
#: How far the running mean of days must lie, in its own standard deviations.
RUN_LIMIT: Final = 3.3
#: The share of false alarms among the series that are out of line in a bucket.
FALSE_ALARMS: Final = 0.05

WORSE: Final = "worse"
BETTER: Final = "better"

_NOTES: Final = {
    (True, False): "this bucket alone",
    (False, True): "this and the buckets before, a little each",
    (True, True): "this bucket, and those before",
}


def anomalies(
    frame: pd.DataFrame,
    rate: str,
    *,
    by: str | Sequence[str] | None = None,
    of: str | None = None,
    limit: float | None = None,
    run_limit: float | None = None,
    false_alarms: float = FALSE_ALARMS,
    holidays: Sequence[Moment] | None = None,
    until: Moment | None = None,
) -> pd.DataFrame:
    """Return the buckets and keys whose rate is out of line with the weeks before.

    Each bucket is held against what the 56 days before (28 days of hours) make of it: the level,
    the weekday (and hour), how far the rate strays by itself, and the chance of small numbers.

    Parameters
    ----------
    frame : DataFrame
        A frame of counts in days or hours, 60 days or more for days.
    rate : str
        A rate, by its name here or Mailgun's own; a proportion.
    by : str or sequence of str, optional
        The keys whose series are judged one by one; ``[]`` is all together. By default every key of
        the frame.
    of : str, optional
        Another denominator, as for :func:`mgframe.rates`. The complaint rate of a frame with
        providers takes ``"delivered_fbl"``, because some providers report no complaints.
    limit : float, optional
        How many standard deviations a single bucket must lie out, and by three messages at least.
        By default 3.5 for days, 4.0 for days of what comes late (opens, clicks, unsubscribes,
        complaints), 4.5 for hours.
    run_limit : float, optional
        How many of its own standard deviations the running mean of the deviations (each day a
        fifth) must lie out: small shifts that last. By default 3.3 for days, and no such rule for
        hours. ``inf`` turns it off.
    false_alarms : float, default 0.05
        The share of false ones among the keys out of line in a bucket (Benjamini and Hochberg over
        all keys of that bucket). With a single key the limits alone decide; 1 turns it off.
    holidays : sequence of dates, optional
        Days that are neither judged nor learnt from.
    until : str or datetime, optional
        Until when (exclusive) the frame is complete; from attrs where left out.

    Returns
    -------
    DataFrame
        A plain table, in order of time, then the farthest out first. The key levels (text); `time`
        (the bucket's start, in the frame's zone); `n` and `k` (``int64``: messages and events);
        `rate`, `expected`, and `low` and `high`, between which the rate would be in line
        (fractions); `z`, how many standard deviations it lies out, positive where it is high;
        `p_value` and `q_value`; `excess`: how many messages fared worse than expected, negative
        where they fared better; `direction` (``worse`` or ``better``: delivery, opens and clicks
        are worse when they fall); and `note`, which rule tells.
        Of what comes late, `n` is how many messages the events of the day come from: those of the
        day and the seven before it, weighted as the series itself shows.
        ``attrs["mgframe"]`` says how many series and buckets were judged (`series`, `judged`,
        `buckets`), and in `cannot_tell` why none was.

    Raises
    ------
    QueryError
        There is no such rate, or a limit is no number above 0.
    FrameError
        The frame cannot give the rate, or it is no proportion; the buckets are weeks or months, or
        hours of what comes late; or it is not known until when the frame is complete.

    Warns
    -----
    MgframeWarning
        Keys are not judged because too few buckets before any of theirs hold messages: 28 days, or
        168 hours.

    Notes
    -----
    The open bucket and those whose counts still move are not judged, and neither is a bucket
    without messages. At the default limits a series that is in line gives less than one false alarm
    in a year on synthetic accounts (rare events and days that resemble each other included).

    The logit of the rate has a level and effects of weekday and hour (weighted means, shrunk by
    empirical Bayes) and a random part of its own, whose variance is a median, so that incidents of
    before widen nothing; additive, as Spiegelhalter advises (Quality and Safety in Health Care 14,
    2005, 347). Fewer than 400 expected events are judged by the tail of a negative binomial law.

    Examples
    --------
    >>> import pandas as pd, mgframe as mg
    >>> days = pd.date_range("2026-08-03", periods=60)
    >>> table = pd.DataFrame({"date": days, "domain": "a.com", "sent": 1000,
    ...                       "delivered": [985, 983, 987] * 19 + [985, 900, 984]})
    >>> df = mg.as_frame(table, resolution="day", complete_until="2026-10-03")
    >>> found = anomalies(df, "delivery_rate")
    >>> found[["domain", "time", "rate", "direction"]]
      domain                      time  rate direction
    0  a.com 2026-09-30 00:00:00+00:00   0.9     worse
    """
    share = read_share(false_alarms)
    panel = panel_of(frame, rate, by=by, of=of, holidays=holidays, until=until)
    found, out = judge(panel, limit=limit, run_limit=run_limit, false_alarms=share)
    table = _table(panel, found, out, limit_for(panel, limit))
    judged = np.isfinite(found.z)
    meta = {
        "analysis": "anomalies",
        **meta_of_rate(panel.rate),
        "series": len(panel.keys),
        "judged": int(judged.any(axis=1).sum()),
        "buckets": int(judged.sum()),
        "simulated": is_simulated(frame),
        **({"region": meta_of(frame)["region"]} if "region" in meta_of(frame) else {}),
    }
    if why := _why_not_judged(panel, judged.any(axis=1)):
        warn(why)
        if not judged.any():
            meta["cannot_tell"] = why
    return with_meta(table, meta)


def judge(
    panel: Panel,
    *,
    limit: float | None = None,
    run_limit: float | None = None,
    false_alarms: float = FALSE_ALARMS,
) -> tuple[Forecast, Alarms]:
    """Return what was expected of a panel's buckets, and which are out of line."""
    expected = forecast(panel.k, panel.judged, panel.times, panel.width, noise=panel.noise)
    run = read_size(run_limit, "run_limit") if run_limit is not None else None
    if run is None and panel.width == "day":
        run = RUN_LIMIT
    excess = panel.k - panel.judged * expected.rate
    single = limit_for(panel, limit)
    out = alarms(expected.z, excess, limit=single, run_limit=run, false_share=float(false_alarms))
    return expected, out


def limit_for(panel: Panel, limit: float | None) -> float:
    """Return how far a single bucket must lie: what was asked, else what suits the buckets."""
    if limit is not None:
        return read_size(limit, "limit")
    if panel.width == "hour":
        return HOUR_LIMIT
    return LATE_LIMIT if panel.rate.event_time else LIMIT


def read_size(value: object, argument: str) -> float:
    """Return a number of standard deviations, else raise :class:`QueryError`."""
    if isinstance(value, bool) or not isinstance(value, Real) or not float(value) > 0:
        raise QueryError(
            f"{argument}={value!r} must be a number above 0: how many standard deviations, such as "
            "3.5"
        )
    return float(value)


def read_share(share: object) -> float:
    """Return the share of false alarms to put up with, else raise :class:`QueryError`."""
    if isinstance(share, bool) or not isinstance(share, Real) or not 0 < float(share) <= 1:
        raise QueryError(
            f"false_alarms={share!r} must lie above 0 and not above 1, such as 0.05: the share of "
            "false ones among the keys out of line"
        )
    return float(share)


def band(
    panel: Panel, found: Forecast, rows: Integers, columns: Integers, limit: float
) -> tuple[Floats, Floats]:
    """Return the lowest and the highest rate in line, of some cells of the panel."""
    cells = (rows, columns)
    known = np.isfinite(found.z[cells])
    n = np.where(known, panel.judged[cells], 0.0)
    law = (n, found.logit[cells], found.variance[cells], found.rate[cells])
    edge = _edge(limit, found.freedom[cells])
    low, high = (count_at(side, *law) / np.where(n > 0, n, np.nan) for side in (-edge, edge))
    return low, high


def _edge(limit: float, freedom: Floats) -> Floats:
    """Return the deviation on Student's scale that is as rare as `limit` on the normal one."""
    from scipy.special import ndtr, stdtrit

    edge: Floats = -stdtrit(np.where(np.isfinite(freedom), freedom, 1.0), ndtr(-limit))
    return edge


def _table(panel: Panel, found: Forecast, out: Alarms, limit: float) -> pd.DataFrame:
    rows, columns = np.nonzero(out.out)
    order = np.lexsort((-np.abs(found.z[rows, columns]), columns))
    rows, columns = rows[order], columns[order]
    cells = (rows, columns)
    n, k, expected = panel.n[cells], panel.k[cells], found.rate[cells]
    low, high = band(panel, found, rows, columns, limit)
    sign = EFFECTS[panel.rate.name].worse
    table = panel.keys.iloc[rows].reset_index(drop=True)
    values: dict[str, Any] = {
        "time": panel.times.take(columns),
        "n": n.round().astype("int64"),
        "k": k.round().astype("int64"),
        "rate": np.divide(k, n, out=np.full(len(n), np.nan), where=n > 0),
        "expected": expected,
        "low": low,
        "high": high,
        "z": found.z[cells],
        "p_value": out.p[cells],
        "q_value": out.q[cells],
        "excess": sign * (k - n * expected),
        "direction": texts(np.where(sign * found.z[cells] > 0, WORSE, BETTER)),
        "note": texts(
            [
                _NOTES[bool(a), bool(b)]
                for a, b in zip(out.single[cells], out.run[cells], strict=True)
            ]
        ),
    }
    for name, column in values.items():
        table[name] = column
    return table


def texts(values: Any) -> Any:
    """Return a column of plain texts."""
    return pd.array([str(value) for value in values], dtype="str")


def _why_not_judged(panel: Panel, judged: Any) -> str:
    """Return why some series, or all, are not judged; empty where all are."""
    number = int((~judged).sum())
    if not number and len(panel.keys):
        return ""
    least, unit = LEAST_BUCKETS[panel.width], f"{panel.width}s"
    longest = int(panel.buckets.max(initial=0))
    need = f"{least} {unit} with messages are needed before a bucket"
    if number == len(panel.keys):
        # attrs keep 120 letters of it.
        return f"cannot tell, because {need}, and the longest series has {longest}: fetch more"
    return (
        f"{number} of {len(panel.keys)} keys are not judged: {need}, within "
        f"{WINDOW_DAYS[panel.width]} days"
    )
