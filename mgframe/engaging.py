"""Opens and clicks of people and of machines: apart where bots are told apart, else in bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Real
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.actors import (
    ACTS,
    CLASSES,
    counts_by_actor,
    refuse_filtered_bots,
    several_machines,
    with_deliveries,
)
from mgframe.dividing import span_hours
from mgframe.eligibility import choose_rates
from mgframe.errors import FrameError, QueryError, warn
from mgframe.framing import meta_of, require_table, resolution_of, times_of, with_meta
from mgframe.ratios import quotients
from mgframe.summing import (
    UNIQUE_DAYS,
    levels_dropped,
    levels_named,
    names_in,
    passes_unique_window,
    warn_of_uniques,
)
from mgframe.vocabulary import Rate, in_order

_WEEK: Final = "7d"
#: How many buckets of a width make a week.
_BUCKETS: Final = {"hour": 168, "day": 7}

_NOTHING_ASSUMED: Final = (0.0, 1.0)


def _rate(name: str, top: str, bottom: str = "delivered") -> Rate:
    late = bottom == "delivered"
    return Rate(name, name, (top,), bottom, source="mgframe", event_time=late)


#: Rates of people and of machines, what matters first; then who makes which share.
_RATES: Final = (
    _rate("human_click_rate", "people clicks"),
    _rate("machine_click_rate", "machines clicks"),
    _rate("human_open_rate", "people opens"),
    _rate("machine_open_rate", "machines opens"),
)
_SHARES: Final = (
    _rate("machine_share_of_clicks", "machines clicks", "all clicks"),
    _rate("machine_share_of_opens", "machines opens", "all opens"),
    *(_rate(f"{n.lower()}_share_of_opens", f"{n} opens", "all opens") for n in CLASSES),
)


def engagement(
    frame: pd.DataFrame,
    *,
    delivered: pd.DataFrame | None = None,
    by: str | Sequence[str] | None = None,
    rolling: str | None = "auto",
    interval: float | None = None,
    machines: Mapping[str, tuple[float, float]] | None = None,
) -> pd.DataFrame:
    """Return how many people opened and clicked: machines apart, or bounds where nobody told.

    With the level `bot`, opens and clicks of people and of machines come apart. Without it nothing
    tells them apart, and what people did is given from at least to at most. Look at clicks first.

    Parameters
    ----------
    frame : DataFrame
        A frame with the counts unique_opened and unique_clicked; without the level `bot` also with
        delivered.
    delivered : DataFrame, optional
        Deliveries of the same window by the same keys without `bot`, for a frame with the level
        `bot`: no delivery has a bot. Its other levels are summed. Without it only shares are given.
    by : str or sequence of str, optional
        The levels to keep, as for :func:`mgframe.rates`; ``[]`` pools everything.
    rolling : str or None, default "auto"
        A trailing window over which both sides are summed, such as ``"7d"``. ``"auto"`` takes 7
        days where the result has time in hours or days, because opens and clicks land on the day
        they happen and not on the day of the send; None turns it off.
    interval : float, optional
        A level such as 0.95: each column is followed by ``<column>_low`` and ``<column>_high``, as
        in :func:`mgframe.rates`.
    machines : mapping, optional
        For a frame without `bot`: which share of the unique opens, and of the unique clicks, you
        take to be machines', at least and at most, such as ``{"opens": (0.5, 0.6)}`` or
        ``{"clicks": (0, 0.1)}``. By default nothing is assumed, (0, 1).

    Returns
    -------
    DataFrame
        ``float64`` fractions, NaN where a count is unknown or the denominator is 0, never clipped:
        without ``rolling`` the opens of a day can pass its deliveries. The index is the frame's
        without `bot`, or the levels in `by`.

        With `bot`: ``human_click_rate``, ``machine_click_rate``, ``human_open_rate``,
        ``machine_open_rate`` (unique clicks or opens of people, or of machines / delivered), then
        ``machine_share_of_clicks``, ``machine_share_of_opens`` and, of the latter,
        ``apple_share_of_opens``, ``gmail_share_of_opens``, ``generic_share_of_opens`` (unique
        clicks or opens of machines / of all). People and machines add up to the click or open rate.

        Without: ``human_click_rate_least`` and ``_most``, ``human_open_rate_least`` and ``_most``;
        attrs say what was assumed.

    Raises
    ------
    QueryError
        `machines` is malformed, or an argument belongs to the other kind of frame.
    FrameError
        A count or level is missing, deliveries have no meaning by a level, `delivered` is about
        other buckets or keys, or the frame was narrowed so that it lacks people or machines.

    Warns
    -----
    MgframeWarning
        Unique counts are summed over `bot` or over more than seven days; rows of unknown counts
        are left out; `delivered` holds keys that the frame lacks; no window is full.

    Notes
    -----
    *People* are opens and clicks in which Mailgun detected no bot (its value None); Apple is Mail
    Privacy Protection, Gmail its image proxy, Generic mostly firewalls and virus scanners
    (Mailgun's pages "open-click-bot-detect" and "dimensions"). Three things remain unseen:

    - A machine that is not recognised counts as a person.
    - Apple fetches images once, on arrival: who then reads the message leaves no second trace
      (Postmark, "Open Tracking and Apple Mail"). So an open of Apple's is no proof that nobody
      read, and more people may have read than ``human_open_rate`` says.
    - Who reads without images, or a text, is never seen.

    Unique counts are de-duplicated per message, recipient and bot class within 7 days
    ("metric-definitions"): one recipient can count once for each class, so that machines, and
    people and machines together, can be more than recipients. Shares are of opens, not of people.

    Bounds hold under the first of these assumptions, and the others where `machines` says so:

    1. Tracking is on, and every open and click by a person that it saw is in the count. Then all
       of them may be people's (most: unique / delivered), or none of them (least: 0). This holds
       whether or not a recipient counts once for each class, and for readers behind Apple's proxy.
    2. `machines` is right: least = (1 - most machines) · unique / delivered, and the other way
       round. What is bounded is what Mailgun would call people with the level `bot`. The "most"
       needs uniques that are counted by class, as the Metrics API documents; the Stats API is
       silent, and where it counts a recipient once, "most" may be too low.
    3. With ``machines={"clicks": ...}``: who clicked was also seen to open in the same window, so
       that "least" of opens is no less than "least" of clicks.

    Nothing else bounds them. Providers do not, for Apple Mail reads mailboxes of any provider;
    clicks alone do not, for scanners follow links. Apple alone was seen to make 50 to 60 % of all
    opens (Litmus, as benchmarkemail.com quotes it, a secondary source): other senders' lists, so
    never a default here. A share of your own comes from ``mg.metrics(by=["bot"])``.

    Examples
    --------
    >>> import pandas as pd, mgframe as mg
    >>> table = pd.DataFrame({"date": "2026-11-15", "bot": ["None", "Apple"],
    ...                       "unique_opened": [200, 300], "unique_clicked": [30, 0]})
    >>> mail = mg.as_frame(pd.DataFrame({"date": ["2026-11-15"], "delivered": 1000}))
    >>> found = mg.engagement(mg.as_frame(table), delivered=mail, by=[])
    >>> found.iloc[0, :4].to_dict()  # doctest: +NORMALIZE_WHITESPACE
    {'human_click_rate': 0.03, 'machine_click_rate': 0.0, 'human_open_rate': 0.2,
     'machine_open_rate': 0.3}
    >>> untold = mg.as_frame(pd.DataFrame({"date": ["2026-11-15"], "delivered": 1000,
    ...                                    "unique_opened": 500, "unique_clicked": 40}))
    >>> within = mg.engagement(untold, by=[], machines={"opens": (0.5, 0.75)})
    >>> within.iloc[0].to_dict()  # doctest: +NORMALIZE_WHITESPACE
    {'human_click_rate_least': 0.0, 'human_click_rate_most': 0.04,
     'human_open_rate_least': 0.125, 'human_open_rate_most': 0.25}
    """
    if by is not None and "bot" in names_in(by, argument="by"):
        raise QueryError(
            "by= names 'bot', which engagement tells apart in its columns; leave it out"
        )
    require_table(frame)
    refuse_filtered_bots(frame)
    if "bot" in frame.index.names:
        if machines is not None:
            raise QueryError(
                "machines= is what to assume of a frame without the level 'bot'; this one has it, "
                "so that nothing needs to be assumed; leave it out"
            )
        return _apart(frame, delivered, by, rolling, interval)
    if delivered is not None:
        raise QueryError(
            "delivered= goes with a frame that has the level 'bot'; this one has none, and its own "
            "deliveries are taken. Fetch the opens by bot, mg.metrics(by=[..., 'bot']), or leave "
            "delivered= out"
        )
    return _bounded(frame, by, rolling, interval, machines)


def _apart(
    frame: pd.DataFrame,
    delivered: pd.DataFrame | None,
    by: str | Sequence[str] | None,
    rolling: str | None,
    interval: float | None,
) -> pd.DataFrame:
    """Return the rates of people and of machines, or without deliveries the shares alone."""
    counts, chosen = counts_by_actor(frame), _SHARES
    if delivered is not None:
        counts, chosen = with_deliveries(counts, delivered), _RATES + _SHARES
    window = _window(counts, by, rolling)
    dropped = [] if by is None else levels_dropped(counts, levels_named(counts, by))
    long = window is not None and span_hours(window, argument="rolling") > 24 * UNIQUE_DAYS
    warn_of_uniques(
        in_order(ACTS.values()),
        over_bots=several_machines(frame),
        over_days=long or passes_unique_window(counts, dropped),
    )
    return quotients(counts, chosen, by=by, rolling=window, interval=interval)


def _window(frame: pd.DataFrame, by: str | Sequence[str] | None, rolling: str | None) -> str | None:
    """Return the trailing window; ``"auto"`` is a week where the result has days or hours."""
    kept = frame.index.names if by is None else levels_named(frame, by)
    if rolling != "auto" or "time" not in kept:
        return None if rolling == "auto" else rolling
    try:
        needed = _BUCKETS.get(resolution_of(frame))
    except FrameError:  # a lone bucket, of which nobody knows the width
        return None
    there = times_of(frame).nunique()
    if needed is not None and 0 < there < needed:
        warn(
            f"no window of {_WEEK} is full: the frame has {there} of {needed} buckets, so that all "
            "is NaN; fetch last='14d' or more, or say rolling=None"
        )
    return None if needed is None else _WEEK


# ---------------------------------------------------------------- bounds


def _bounded(
    frame: pd.DataFrame,
    by: str | Sequence[str] | None,
    rolling: str | None,
    interval: float | None,
    machines: Mapping[str, tuple[float, float]] | None,
) -> pd.DataFrame:
    """Return what people did, at least and at most, of what everybody did."""
    assumed = _read_machines(machines)
    clicks, opens = choose_rates(frame, ["click_rate", "open_rate"], None)
    rates = {
        "clicks": replace(clicks, name="human_click_rate"),
        "opens": replace(opens, name="human_open_rate"),
    }
    window = _window(frame, by, rolling)
    of_all = quotients(frame, list(rates.values()), by=by, rolling=window, interval=interval)
    parts = ("",) if interval is None else ("", "_low", "_high")
    found: dict[str, Any] = {}
    for act, rate in rates.items():
        fewest, most = assumed[act]
        for bound, share in (("least", 1 - most), ("most", 1 - fewest)):
            for part in parts:
                found[f"{rate.name}_{bound}{part}"] = of_all[f"{rate.name}{part}"] * share
    for part in parts:  # who clicked has opened
        least = f"human_open_rate_least{part}"
        found[least] = np.fmax(found[least], found[f"human_click_rate_least{part}"])
    said = {"machines": {act: list(assumed[act]) for act in machines}} if machines else {}
    return with_meta(pd.DataFrame(found, index=of_all.index), meta_of(of_all) | said)


def _read_machines(
    machines: Mapping[str, tuple[float, float]] | None,
) -> dict[str, tuple[float, float]]:
    """Return the least and the most share of machines in clicks and opens."""
    said = {} if machines is None else machines
    if not isinstance(said, Mapping) or not set(said) <= set(ACTS):
        raise QueryError(
            f"machines={machines!r} must be a mapping of 'opens', 'clicks' or both to the least "
            "and the most share that machines make, such as {'opens': (0.5, 0.6)}"
        )
    return {act: _read_shares(act, said.get(act, _NOTHING_ASSUMED)) for act in ACTS}


def _read_shares(act: str, shares: object) -> tuple[float, float]:
    pair = list(shares) if isinstance(shares, Sequence) and not isinstance(shares, str) else []
    numbers = [float(n) for n in pair if isinstance(n, Real) and not isinstance(n, bool)]
    if len(numbers) != len(pair) or len(pair) != 2 or not 0 <= numbers[0] <= numbers[1] <= 1:
        raise QueryError(
            f"machines={{{act!r}: {shares!r}}} must be two fractions, the least and the most, "
            "such as (0.5, 0.6)"
        )
    return numbers[0], numbers[1]
