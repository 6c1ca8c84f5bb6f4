"""The funnel: from what was accepted to what was clicked."""

from __future__ import annotations

import itertools
from typing import Final

import pandas as pd
from matplotlib.axes import Axes

from mgframe.errors import FrameError
from mgframe.plotting.choosing import one_reading, whose
from mgframe.plotting.style import COLOURS, dress, finish, new_axes, percent, say_nothing_to_draw
from mgframe.plotting.timeaxis import complete_rows, window_text
from mgframe.ratios import count_word
from mgframe.reshaping import sum as sum_of
from mgframe.timespan import Moment
from mgframe.vocabulary import COUNTS

STAGES: Final = (
    "accepted",
    "processed",
    "sent",
    "delivered",
    "unique_opened",
    "unique_clicked",
)


def funnel(frame: pd.DataFrame, *, until: Moment | None = None, ax: Axes | None = None) -> Axes:
    """Draw the way from accepted to clicked: each step's count and its share of the step before.

    All rows are added up; cut the frame with ``df.mg.where(...)`` first to see one domain.

    Parameters
    ----------
    frame : DataFrame
        A frame of counts, with or without time. Steps: accepted, processed, sent, delivered, unique
        opens and unique clicks, as far as the frame has them.
    until : str, date or datetime, optional
        When the complete buckets end, by default what attrs say; later ones are left out, and a
        note says so. Where neither is known all rows count.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        With one bar per step, whose ``gid`` is the count's name and whose width is the sum of what
        is known of it; a share is over the rows where both of its counts are known.

    Raises
    ------
    FrameError
        The frame has fewer than two of the steps, several readings of lifetime counters, or several
        tags, which overlap.

    Warns
    -----
    MgframeWarning
        Unique counts are summed over more than seven days.

    Examples
    --------
    >>> import pandas as pd, matplotlib, mgframe as mg
    >>> matplotlib.use("Agg")
    >>> table = pd.DataFrame({"date": ["2026-11-14"], "domain": "example.com", "sent": [200],
    ...     "delivered": [190], "unique_opened": [57]})
    >>> df = mg.as_frame(table, time="date", keys={"domain": "domain"}, resolution="day")
    >>> [text.get_text() for text in mg.plot.funnel(df).texts]
    ['200', '190, 95.00 % of sent', '57, 30.0 % of delivered']
    """
    rows = one_reading(frame)
    complete, notes = complete_rows(rows, until)
    stages = _stages(frame)
    counts = complete[stages]
    notes += [
        f"{COUNTS[str(stage)].label}: {number} of {len(counts)} rows are not known and left out."
        for stage, number in counts.isna().sum().items()
        if number
    ]
    ax = ax if ax is not None else new_axes(8, 1.5 + 0.42 * len(stages))
    dress(ax, grid=False)
    if counts.notna().any(axis=None):
        _draw(ax, counts)
    else:
        say_nothing_to_draw(ax, empty=complete.empty)
    finish(
        ax,
        frame,
        title=f"From accepted to clicked{whose(rows)}",
        xlabel=window_text(complete),
        notes=notes,
    )
    return ax


def _stages(frame: pd.DataFrame) -> list[str]:
    """Return the steps that the frame reports at all."""
    found = [name for name in STAGES if name in frame.columns]
    reported = [name for name in found if frame.empty or frame[name].notna().any()]
    if len(found) < 2:
        raise FrameError(
            f"a funnel needs two of the columns {list(STAGES)}, the frame has {found}; fetch "
            "events=['accepted', 'delivered', 'failed', 'opened', 'clicked']"
        )
    return reported or found


def _totals(counts: pd.DataFrame) -> dict[str, int]:
    """Return the sum of what is known of each step."""
    sums = sum_of(counts, [], skipna=True)
    return {str(name): 0 if pd.isna(v) else int(v) for name, v in sums.iloc[0].items()}


def _draw(ax: Axes, counts: pd.DataFrame) -> None:
    totals = _totals(counts)
    bars = ax.barh(range(len(totals)), list(totals.values()), color=COLOURS[0], height=0.72)
    for bar, stage in zip(bars, totals, strict=True):
        bar.set_gid(stage)
    ax.bar_label(bars, _shares(counts, totals), padding=5, fontsize="small")
    ax.set_yticks(range(len(totals)), [COUNTS[stage].label for stage in totals])
    ax.invert_yaxis()
    ax.set_xlim(0, max(totals.values()) * 1.42 or 1)
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)


def _shares(counts: pd.DataFrame, totals: dict[str, int]) -> list[str]:
    """Return the count of each step and its share of the step before, where both are known."""
    texts = [f"{number:,}" for number in totals.values()]
    for place, (before, stage) in enumerate(itertools.pairwise(totals), start=1):
        both = _totals(counts[[before, stage]].dropna())
        part = percent(both[stage] / both[before]) if both[before] else "no share"
        texts[place] += f", {part} of {count_word(before)}"
    return texts
