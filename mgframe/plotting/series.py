"""Counts and rates as lines over time, or as bars where a frame has no time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd
from matplotlib.axes import Axes

from mgframe.plotting.bars import draw_bars, numbers, shares
from mgframe.plotting.choosing import Chosen, choose
from mgframe.plotting.limits import (
    draw_limits,
    draw_limits_of_bars,
    limits_of,
    set_count_axis,
    set_rate_axis,
)
from mgframe.plotting.lines import draw_lines
from mgframe.plotting.style import LINES_SIZE, finish, new_axes
from mgframe.plotting.tables import (
    band_notes,
    count_columns,
    count_tables,
    cut_for,
    rate_and_band,
    rate_names,
    silent_notes,
    window_for,
)
from mgframe.plotting.texts import key_labels, plain, with_denominator_below
from mgframe.plotting.timeaxis import bucket_word, time_label
from mgframe.ratios import rate_label
from mgframe.timespan import Moment
from mgframe.vocabulary import ALL_COUNTS, RATES

_LABEL_WIDTH: Final = 46


def counts(
    frame: pd.DataFrame,
    columns: str | Sequence[str] | None = None,
    *,
    by: str | None = None,
    top: int = 8,
    until: Moment | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw counts over time, one line per key; bars for a frame without time.

    Parameters
    ----------
    frame : DataFrame
        A frame of counts.
    columns : str or sequence of str, optional
        What to draw, with or without ``_count``. By default delivered, opens, clicks and bounces of
        a single key, or the volume of several.
    by : str, optional
        The key level drawn apart; other levels are summed over. By default the only level that
        varies; ``"time"`` sums over all keys.
    top : int, default 8
        How many keys are named, the largest by volume; the rest is drawn as ``"(other)"`` in grey,
        or left out and counted in the legend where keys overlap (tags).
    until : str, date or datetime, optional
        When the complete buckets end, by default what attrs say. Later ones are drawn hollow and
        dashed; where neither is known nothing is marked.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        With one line (or group of bars) per key, whose ``gid`` is the key; times are UTC.

    Raises
    ------
    FrameError
        A column or level is missing, or several levels vary and `by` names none.
    QueryError
        No such count.

    Examples
    --------
    >>> import pandas as pd, matplotlib, mgframe as mg
    >>> matplotlib.use("Agg")
    >>> table = pd.DataFrame({"date": pd.date_range("2026-11-01", periods=3),
    ...     "domain": "example.com", "delivered": [20, 30, 10]})
    >>> df = mg.as_frame(table, time="date", keys={"domain": "domain"}, resolution="day")
    >>> ax = mg.plot.counts(df, "delivered")
    >>> ax.lines[0].get_ydata().tolist()
    [20.0, 30.0, 10.0]
    """
    chosen = choose(frame, by=by, top=top)
    names = count_columns(chosen, columns)
    tables = count_tables(chosen, names)
    whats = {name: ALL_COUNTS[name].label if name in ALL_COUNTS else plain(name) for name in names}
    label = whats[names[0]] if len(names) == 1 else "Counts"
    if chosen.over_time:
        ax = ax if ax is not None else new_axes(*LINES_SIZE)
        label = f"{label} per {bucket_word(chosen.frame)}"
        notes = draw_lines(ax, chosen, tables, whats, until)
        ax.set_ylabel(label, fontsize="small")
        set_count_axis(ax, tables)
        below = time_label(chosen.frame)
    else:
        texts = {name: numbers(table) for name, table in tables.items()}
        ax = draw_bars(ax, chosen, tables, whats, texts)
        notes, below = [], label
    finish(ax, frame, title=_title(label, chosen), xlabel=below, notes=[*chosen.notes, *notes])
    return ax


def rates(
    frame: pd.DataFrame,
    names: str | Sequence[str] | None = None,
    *,
    by: str | None = None,
    of: str | None = None,
    rolling: str | None = "auto",
    interval: float | None = None,
    thresholds: bool = False,
    top: int = 8,
    until: Moment | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw rates over time, one line per key; bars for a frame without time.

    The numbers are those of :func:`mgframe.rates`: fractions, shown as percent. The axis starts at
    zero; where every value is above 80 % (delivery) it is cut, and a note says where it starts.

    Parameters
    ----------
    frame : DataFrame
        A frame of counts.
    names : str or sequence of str, optional
        Which rates. By default delivery, opens and clicks of a single key, or the first of these
        that the frame can give where there are several keys.
    by : str, optional
        The key level drawn apart, the others are pooled. By default the only level that varies;
        ``"time"`` pools all keys.
    of : str, optional
        Another denominator, as :func:`mgframe.rates` takes it.
    rolling : str or None, default "auto"
        A trailing window such as ``"7d"`` for all rates drawn. ``"auto"`` takes 7 days for rates
        whose events land on another day than the send (opens, clicks, unsubscribes, complaints),
        where hours or days of at least 14 days are there; None turns it off. Labels say so.
    interval : float, optional
        A level such as 0.95: a band around each line, or a whisker on each bar, within which the
        true rate lies that often (see :func:`mgframe.rates`). None are drawn by default, because
        the band of a single bucket knows only its own messages: at some volume it is hair-thin,
        and every day would look significant. Those of rolling rates are as wide as days differ.
        An open bucket has none.
    thresholds : bool, default False
        Draw the known limits of complaint and bounce rates, with who says so.
    top : int, default 8
        How many keys are named, the largest by volume; the rest is pooled as ``"(other)"`` in grey,
        or left out and counted in the legend where keys overlap (tags).
    until : str, date or datetime, optional
        When the complete buckets end, by default what attrs say. Later ones are drawn hollow and
        dashed; where neither is known nothing is marked.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        With one line (or group of bars) per key, whose ``gid`` is the key (or the rate, where
        several are drawn); times are UTC, values fractions, NaN where a rate is unknown. What
        belongs to a band has the ``gid`` ``"<key> (interval)"``.

    Raises
    ------
    FrameError
        A count or level is missing, or several levels vary and `by` names none.
    QueryError
        No such rate, denominator or window.

    Notes
    -----
    Limits: Mailgun's OpenAPI text of complained_rate (below 0.1 %), Yahoo's sender rules (0.1 % and
    0.3 %), Amazon SES (2 % and 5 % bounces), as in :func:`mgframe.thresholds`. Google's are not
    drawn: they are for complaints of Gmail's users, which Mailgun never sees.

    Examples
    --------
    >>> import pandas as pd, matplotlib, mgframe as mg
    >>> matplotlib.use("Agg")
    >>> table = pd.DataFrame({"date": pd.date_range("2026-11-01", periods=3),
    ...     "domain": "example.com", "sent": [20, 30, 10], "delivered": [20, 27, 9]})
    >>> df = mg.as_frame(table, time="date", keys={"domain": "domain"}, resolution="day")
    >>> ax = mg.plot.rates(df, "delivery_rate")
    >>> ax.lines[0].get_ydata().tolist()
    [1.0, 0.9, 0.9]
    """
    chosen = choose(frame, by=by, top=top)
    wanted = rate_names(chosen, names)
    cuts = {name: cut_for(frame, name, chosen, by=by, top=top) for name in wanted}
    chosen = cuts[wanted[0]] if len(wanted) == 1 else chosen
    windows = {name: window_for(chosen, name, rolling) for name in wanted}
    found = {name: rate_and_band(cuts[name], name, of, windows[name], interval) for name in wanted}
    tables = {name: table for name, (table, _) in found.items()}
    bands = {name: band for name, (_, band) in found.items() if band is not None}
    whats = {
        name: plain(rate_label(name, of=of, rolling=windows[name], keys=chosen.levels))
        for name in wanted
    }
    limits = limits_of(wanted) if thresholds else []
    label = (
        with_denominator_below(whats[wanted[0]], _LABEL_WIDTH)
        if len(wanted) == 1
        else "Rate (denominators: see legend)"
    )
    notes = [*chosen.notes, *silent_notes(frame, chosen, wanted)]
    notes += band_notes(wanted, windows, interval, over_time=chosen.over_time)
    if chosen.over_time:
        ax = ax if ax is not None else new_axes(*LINES_SIZE)
        notes += draw_lines(ax, chosen, tables, whats, until, bands)
        ax.set_ylabel(label, fontsize="small")
        notes += set_rate_axis(ax, tables, limits=limits, bands=bands)
        notes += draw_limits(ax, wanted, limits)
        below = time_label(chosen.frame)
    else:
        texts = {name: shares(cuts[name], tables[name], name, of) for name in wanted}
        ax = draw_bars(ax, chosen, tables, whats, texts, bands)
        notes += draw_limits_of_bars(ax, wanted, limits)
        below = label if len(wanted) == 1 else "Rate"
    title = RATES[wanted[0]].label if len(wanted) == 1 else "Rates"
    finish(ax, frame, title=_title(title, chosen), xlabel=below, notes=notes)
    return ax


def _title(what: str, chosen: Chosen) -> str:
    """Return what is drawn and for whom: the one key, or the level and how many are named."""
    if len(chosen.keys) == 1:
        return f"{what}, {key_labels(chosen.keys, most=48)[chosen.keys[0]].strip()}"
    return f"{what} {chosen.phrase}".strip()
