"""Opens and clicks of people over time, and those of machines upon them, or bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from mgframe.engaging import engagement as engagement_of
from mgframe.errors import FrameError
from mgframe.framing import meta_of, require_table
from mgframe.plotting.choosing import whose
from mgframe.plotting.limits import set_rate_axis
from mgframe.plotting.style import (
    COLOURS,
    GREY,
    LINES_SIZE,
    dress,
    finish,
    legend_beside,
    new_axes,
    say_nothing_to_draw,
)
from mgframe.plotting.tables import all_values
from mgframe.plotting.timeaxis import complete_rows, instants, set_time_axis, time_label, with_gaps
from mgframe.ratios import span_text
from mgframe.timespan import Moment

_PEOPLE_NOTE: Final = (
    "People: no bot was detected. Machines may hide people: Apple's proxy fetches images once, on "
    "arrival, whether or not somebody reads the message later."
)
_UNTOLD_NOTE: Final = (
    "Nothing here tells people from machines: people may have made all of it or none. Fetch "
    "opens by bot."
)

Floats = npt.NDArray[np.float64]


def engagement(
    frame: pd.DataFrame,
    *,
    delivered: pd.DataFrame | None = None,
    rolling: str | None = "auto",
    machines: Mapping[str, tuple[float, float]] | None = None,
    until: Moment | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw what people opened and clicked over time, of all keys together.

    With the level `bot` the opens of machines are stacked upon those of people, so that the upper
    edge is the open rate of the dashboard. Without it an area spans what people may have opened.

    Parameters
    ----------
    frame : DataFrame
        A frame with time; to draw one key cut it first, with ``df.mg.where(...)``.
    delivered, rolling, machines
        As for :func:`mgframe.engagement`; with the level `bot`, `delivered` is needed.
    until : str, date or datetime, optional
        When the complete buckets end, by default what attrs say; later ones are left out, and a
        note says so.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        With lines whose ``gid`` are columns of :func:`mgframe.engagement`, and ``"open_rate"`` for
        the upper edge of the stack; areas have the ``gid`` ``"people"``, ``"machines"``, or
        ``"people or machines"``. Times are UTC, values fractions, NaN where a rate is unknown.

    Raises
    ------
    QueryError, FrameError
        As :func:`mgframe.engagement`; or `delivered` is missing.

    Examples
    --------
    >>> import pandas as pd, matplotlib, mgframe as mg
    >>> matplotlib.use("Agg")
    >>> table = pd.DataFrame({"date": pd.date_range("2026-11-01", periods=9), "delivered": 100,
    ...                       "unique_opened": 40, "unique_clicked": 3})
    >>> ax = mg.plot.engagement(mg.as_frame(table), machines={"opens": (0.5, 0.6)})
    >>> {line.get_gid(): float(line.get_ydata()[-1].round(2)) for line in ax.lines}
    {'human_open_rate_least': 0.16, 'human_open_rate_most': 0.2, 'human_click_rate_most': 0.03}
    """
    require_table(frame)
    if "bot" in frame.index.names and delivered is None:
        raise FrameError(
            "plot.engagement divides by deliveries, and none has a bot; pass them as delivered=, "
            "such as mg.metrics(['delivered'], by=...) for the same window"
        )
    every = engagement_of(
        frame, delivered=delivered, by=["time"], rolling=rolling, machines=machines
    )
    found, notes = complete_rows(every, until)
    ax = ax if ax is not None else new_axes(*LINES_SIZE)
    dress(ax)
    if len(all_values({"": found})):
        notes += _draw(ax, found, machines)
    else:
        say_nothing_to_draw(ax, empty=found.empty)
    window = meta_of(found).get("rolling")
    over = f", {span_text(window)}" if window else ""
    ax.set_ylabel(f"Unique (7-day) opens and clicks\n/ delivered{over}", fontsize="small")
    title = f"Opens and clicks by people{whose(_without_bots(frame))}"
    finish(ax, every, title=title, xlabel=time_label(every), notes=notes)
    return ax


def _without_bots(frame: pd.DataFrame) -> pd.DataFrame:
    if "bot" not in frame.index.names:
        return frame
    found = frame.droplevel("bot")
    found.attrs = frame.attrs
    return found


def _draw(
    ax: Axes, found: pd.DataFrame, machines: Mapping[str, tuple[float, float]] | None
) -> list[str]:
    """Draw areas and lines; return what is to be noted."""
    moments = with_gaps(found)
    times, values = instants(moments), found.reindex(moments)
    rates = {str(name): values[name].to_numpy(dtype="float64") for name in values.columns}
    if "human_open_rate" in rates:
        people, note = rates["human_open_rate"], _PEOPLE_NOTE
        rates["open_rate"] = everybody = people + rates["machine_open_rate"]
        _area(ax, times, everybody, people, "machines", color=GREY, label="opens by machines")
        _area(ax, times, people, people * 0, "people", color=COLOURS[0], label="opens by people")
        _line(ax, times, rates, "open_rate", color=GREY)
        _line(ax, times, rates, "human_open_rate", color=COLOURS[0])
        _line(ax, times, rates, "human_click_rate", color=COLOURS[1], label="clicks by people")
    else:
        least, most = rates["human_open_rate_least"], rates["human_open_rate_most"]
        note = _assumed(machines)
        label = "opens by people,\nsomewhere in here"
        _area(ax, times, most, least, "people or machines", color=COLOURS[0], label=label)
        _line(ax, times, rates, "human_open_rate_least", color=COLOURS[0])
        _line(ax, times, rates, "human_open_rate_most", color=COLOURS[0])
        _line(
            ax, times, rates, "human_click_rate_most", color=COLOURS[1],
            label="clicks by people, at most",
        )  # fmt: skip
    set_time_axis(ax, found)
    drawn = [name for name in rates if "share" not in name]
    notes = set_rate_axis(ax, {name: pd.DataFrame({"": rates[name]}) for name in drawn})
    legend_beside(ax)
    return [note, *notes]


def _area(ax: Axes, times: Any, top: Floats, bottom: Floats, gid: str, **style: Any) -> None:
    ax.fill_between(times, bottom, top, gid=gid, alpha=0.3, linewidth=0, **style)


def _line(ax: Axes, times: Any, rates: Mapping[str, Floats], name: str, **style: Any) -> None:
    ax.plot(times, rates[name], gid=name, linewidth=1.6, **({"label": f"_{name}"} | style))


def _assumed(machines: Mapping[str, tuple[float, float]] | None) -> str:
    """Return what the bounds stand on."""
    if not machines:
        return _UNTOLD_NOTE
    said = [
        f"{least * 100:g} to {most * 100:g} % of {act}" for act, (least, most) in machines.items()
    ]
    return f"Assumed, not measured: machines make {' and '.join(said)}."
