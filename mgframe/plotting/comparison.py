"""Comparisons as pictures: each key's change with its interval, and what a change is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import Formatter

from mgframe.analysis.attributing import attribute
from mgframe.analysis.comparing import BETTER, NO_CHANGE, TOO_FEW, WORSE
from mgframe.analysis.comparing import compare as compare_of
from mgframe.analysis.effects import EFFECTS
from mgframe.analysis.spans import Span
from mgframe.errors import FrameError, QueryError
from mgframe.framing import meta_of, require_table
from mgframe.plotting.style import (
    COLOURS,
    GREY,
    TEXT_GREY,
    Percent,
    dress,
    finish,
    halo,
    new_axes,
    percent,
    say_nothing_to_draw,
)
from mgframe.plotting.texts import key_labels, key_word, plain
from mgframe.ratios import rate_label
from mgframe.timespan import Moment
from mgframe.vocabulary import RATES

_STYLES: Final[dict[str, dict[str, Any]]] = {
    WORSE: {"color": COLOURS[1], "marker": "o"},
    BETTER: {"color": COLOURS[2], "marker": "^"},
    NO_CHANGE: {"color": GREY, "marker": "s"},
    TOO_FEW: {"color": GREY, "marker": "o", "markerfacecolor": "white"},
}
_SIDES: Final = (("before", "after"), ("a", "b"))
_OTHERS: Final = "(other keys)"


class Points(Formatter):
    """Ticks of differences of fractions as percentage points."""

    def __call__(self, value: float, pos: int | None = None) -> str:
        """Return one value in points."""
        return points(value)

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Return all ticks with the same number of decimals."""
        steps = np.abs(np.diff(np.asarray(values, dtype="float64") * 100))
        least = steps[steps > 0].min() if (steps > 0).any() else 1.0
        decimals = int(np.clip(np.ceil(-np.log10(least) - 1e-9), 0, 6))
        if abs(least * 10**decimals - round(least * 10**decimals)) > 1e-6:
            decimals += 1
        return [f"{value * 100:+.{decimals}f}" if value else "0" for value in values]


def points(value: float) -> str:
    """Return a difference of fractions in points for a label."""
    size = abs(value * 100)
    decimals = 1 if size >= 10 else 2 if size >= 0.1 or size == 0 else 3
    return f"{value * 100:+.{decimals}f} points"


def compare(
    frame: pd.DataFrame,
    rate: str | None = None,
    *,
    before: Span | None = None,
    after: Span | None = None,
    a: Mapping[str, Any] | None = None,
    b: Mapping[str, Any] | None = None,
    by: str | Sequence[str] | None = None,
    standardise: str | Sequence[str] | None = None,
    of: str | None = None,
    holidays: Sequence[Moment] | None = None,
    until: Moment | None = None,
    top: int = 20,
    ax: Axes | None = None,
) -> Axes:
    """Draw how a rate changed: a dot and its 95 % interval for every key, coloured by verdict.

    Parameters
    ----------
    frame : DataFrame
        A table of :func:`mgframe.compare`, or a frame of counts and the questions to it.
    rate, before, after, a, b, by, standardise, of, holidays, until
        As for :func:`mgframe.compare`, where `frame` is one of counts.
    top : int, default 20
        How many keys to draw: those with the largest excess. A note says how many are left.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        A row per key, largest excess first, whose ``gid`` is the key; beside it both rates and how
        many messages they are of. A hollow dot is a key with too few days or events to judge.

    Raises
    ------
    QueryError, FrameError
        As :func:`mgframe.compare`; `rate` is missing, or `top` is no number above 0.

    Examples
    --------
    >>> import pandas as pd, mgframe as mg
    >>> table = pd.DataFrame({"date": pd.date_range("2026-05-04", periods=14), "domain": "a.com",
    ...                       "sent": 1000, "delivered": [980] * 7 + [950] * 7})
    >>> df = mg.as_frame(table, resolution="day", complete_until="2026-05-18")
    >>> ax = compare(df, "delivery_rate", before="2026-05-04/2026-05-10",
    ...              after="2026-05-11/2026-05-17")
    >>> ax.get_legend_handles_labels()[1]
    ['worse']
    """
    table = frame
    require_table(frame)
    if not {"verdict", "change", "excess"} <= set(frame.columns):
        table = compare_of(
            frame, _named(rate), before=before, after=after, a=a, b=b, by=by,
            standardise=standardise, of=of, holidays=holidays, until=until,
        )  # fmt: skip
    first, second = _sides(table)
    rows = table.head(_read_top(top))
    ax = ax if ax is not None else new_axes(9.5, 1.7 + 0.36 * max(len(rows), 1))
    dress(ax, grid=False)
    if rows["change"].notna().any():
        _draw_changes(ax, rows)
    else:
        say_nothing_to_draw(ax, empty=rows.empty)
    _finish_changes(ax, table, rows, f"{second} less {first}")
    return ax


def _named(rate: str | None) -> str:
    if rate is None:
        raise QueryError("rate= must name the rate to draw, such as 'delivery_rate'")
    return rate


def _read_top(top: int) -> int:
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise QueryError(f"top={top!r} must be a whole number above 0: how many keys to draw")
    return top


def _sides(table: pd.DataFrame) -> tuple[str, str]:
    found = [pair for pair in _SIDES if f"rate_{pair[0]}" in table.columns]
    if not found:
        raise FrameError("this is no table of mg.compare() or mg.attribute(): it has no rates")
    return found[0]


def _key_columns(table: pd.DataFrame) -> list[str]:
    """Return the key levels: the columns before the first count."""
    columns = [str(name) for name in table.columns]
    return columns[: columns.index(f"n_{_sides(table)[0]}")]


def _names(table: pd.DataFrame) -> list[str]:
    """Return the key of each row as one text."""
    keys = table[_key_columns(table)]
    if keys.empty:
        return ["all together"] * len(table)
    return [" · ".join(str(part) for part in row) for row in keys.to_numpy()]


def _draw_changes(ax: Axes, rows: pd.DataFrame) -> None:
    places = np.arange(len(rows))
    change = rows["change"].to_numpy(dtype="float64")
    ends = [rows[f"change_{end}"].to_numpy(dtype="float64") for end in ("low", "high")]
    names = _names(rows)
    ax.axvline(0, color="#000000", linewidth=0.9, zorder=1)
    for verdict, style in _STYLES.items():
        own = (rows["verdict"] == verdict).to_numpy()
        for place in places[own]:
            span = [ends[0][place], ends[1][place]]
            ax.plot(span, [place, place], color=style["color"], linewidth=1.8, alpha=0.75,
                    gid=f"interval {names[place]}", zorder=2)  # fmt: skip
        if own.any():
            ax.plot(change[own], places[own], linestyle="none", markersize=7, label=verdict,
                    gid=verdict, zorder=3, **style)  # fmt: skip
    labels = key_labels(names, most=44) if len(set(names)) == len(names) else {}
    ax.set_yticks(places, [labels.get(name, name) for name in names])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.xaxis.set_major_formatter(Points())
    ax.margins(x=0.08)
    for place, text in enumerate(_sizes(rows)):
        ax.annotate(text, (1.01, place), xycoords=("axes fraction", "data"), va="center",
                    fontsize="x-small", color=TEXT_GREY, gid="sizes")  # fmt: skip


def _sizes(rows: pd.DataFrame) -> list[str]:
    """Return both rates of each row, and of how many messages they are."""
    texts = []
    for row in rows.to_dict("records"):
        sizes = {side: row[f"n_{side}"] for side in _sides(rows)}
        parts = [
            f"{percent(row[f'rate_{s}'])} of {n:,}" if n else "no data" for s, n in sizes.items()
        ]
        texts.append(" → ".join(parts))
    return texts


def _finish_changes(ax: Axes, table: pd.DataFrame, rows: pd.DataFrame, what: str) -> None:
    handles, labels = ax.get_legend_handles_labels()
    if handles:
        ax.legend(
            handles,
            labels,
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            ncols=len(_STYLES),
            frameon=False,
            fontsize="small",
            borderaxespad=0.1,
            handletextpad=0.2,
        )
    meta = meta_of(table)
    name = str(meta.get("rate", ""))
    notes = [_windows(meta)]
    if len(table) > len(rows):
        notes.append(f"{len(table) - len(rows)} more keys with less excess are not drawn.")
    if name in EFFECTS:
        side = "Left" if EFFECTS[name].good else "Right"
        notes.append(f"{side} of zero is worse. Lines: 95 % intervals, days as clusters.")
    keys = _key_columns(table)
    by = f", by {' and '.join(key_word(key) for key in keys)}" if keys else ""
    label = RATES[name].label if name in RATES else "Rate"
    unit = f"{_label(table)}, difference in percentage points"
    finish(ax, table, title=f"{label}: {what}{by}", xlabel=unit, notes=notes)
    ax.title.set_position((0.0, 1.0))
    ax.set_title(ax.get_title(loc="left"), loc="left", fontsize="medium", fontweight="bold", pad=24)


def _label(table: pd.DataFrame) -> str:
    """Return the rate of a table with its denominator."""
    meta = meta_of(table)
    name = str(meta.get("rate", ""))
    if name not in RATES:
        return "Rate"
    return plain(rate_label(name, of=meta.get("of"), keys=_key_columns(table)))


def _windows(meta: Mapping[str, Any]) -> str:
    """Return what both sides are: their days, and for groups what they hold."""
    told = []
    for side in (side for pair in _SIDES for side in pair if f"days_{side}" in meta):
        days = str(meta[f"days_{side}"]).replace("/", " to ")
        told.append(f"{side}: {plain(meta[side])}, {days}" if side in meta else f"{side}: {days}")
    return "; ".join(told)


# ---------------------------------------------------------------- what a change is made of


def attribution(
    frame: pd.DataFrame,
    rate: str | None = None,
    *,
    before: Span | None = None,
    after: Span | None = None,
    by: str | Sequence[str] | None = None,
    of: str | None = None,
    tag: str | None = None,
    total: pd.DataFrame | None = None,
    holidays: Sequence[Moment] | None = None,
    until: Moment | None = None,
    top: int = 8,
    ax: Axes | None = None,
) -> Axes:
    """Draw a waterfall from the rate before to the rate after: the mix, then the rates of keys.

    Parameters
    ----------
    frame : DataFrame
        A table of :func:`mgframe.attribute`, or a frame of counts and the questions to it.
    rate, before, after, by, of, tag, total, holidays, until
        As for :func:`mgframe.attribute`, where `frame` is one of counts.
    top : int, default 8
        How many keys have a step of their own: those whose rates added most. The others are one.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        A bar per step, whose ``gid`` is ``before``, ``mix``, the key, ``(other keys)`` or
        ``after``. Each step begins where the one above ends, so that all add up to the change.

    Raises
    ------
    QueryError, FrameError
        As :func:`mgframe.attribute`; `rate` is missing, or `top` is no number above 0.

    Examples
    --------
    >>> import pandas as pd, mgframe as mg
    >>> table = pd.DataFrame({"date": ["2026-05-01", "2026-05-08"] * 2,
    ...                       "domain": ["a.com", "a.com", "b.com", "b.com"],
    ...                       "sent": [1000, 500, 200, 1000], "delivered": [990, 480, 160, 800]})
    >>> df = mg.as_frame(table, resolution="day", complete_until="2026-05-09")
    >>> ax = attribution(df, "delivery_rate", before="2026-05-01/2026-05-01",
    ...                  after="2026-05-08/2026-05-08")
    >>> [bar.get_gid() for bar in ax.patches]
    ['before', 'mix', 'a.com', 'b.com', 'after']
    """
    table = frame
    require_table(frame)
    if not {"mix_effect", "rate_effect"} <= set(frame.columns):
        table = attribute(
            frame, _named(rate), before=before, after=after, by=by, of=of, tag=tag, total=total,
            holidays=holidays, until=until,
        )  # fmt: skip
    steps = _steps(table, _read_top(top))
    ax = ax if ax is not None else new_axes(9, 1.6 + 0.38 * len(steps))
    dress(ax, grid=False)
    good = EFFECTS[meta_of(table)["rate"]].good if "rate" in meta_of(table) else True
    edge = _draw_waterfall(ax, steps, good=good)
    cut = [f"The axis starts at {percent(edge)}, not at zero."] if edge > 0 else []
    finish(ax, table, title="What the change is made of", xlabel=_label(table),
           notes=[_windows(meta_of(table)), *cut, *_sentences(table)])  # fmt: skip
    return ax


def _sentences(table: pd.DataFrame) -> list[str]:
    return [str(table["sentence"].iloc[0])] if "sentence" in table and len(table) else []


def _steps(table: pd.DataFrame, top: int) -> list[tuple[str, str, float, float]]:
    """Return each step: its gid, its label, where it begins and where it ends."""
    shares = [
        (table[f"rate_{side}"].fillna(0) * table[f"share_{side}"]).sum()
        for side in ("before", "after")
    ]
    effects = pd.Series(table["rate_effect"].to_numpy(dtype="float64"), index=_names(table))
    effects = effects.iloc[np.argsort(-effects.abs().to_numpy(), kind="stable")]
    words = " and ".join(key_word(key) for key in _key_columns(table))
    moves = [("mix", f"mix of {words}", float(table["mix_effect"].sum()))]
    moves += [(str(name), str(name), float(size)) for name, size in effects.iloc[:top].items()]
    if len(effects) > top:
        rest = effects.iloc[top:]
        moves.append((_OTHERS, f"rates of {len(rest)} others", float(rest.sum())))
    labels = key_labels([label for _, label, _ in moves], most=40)
    steps = [("before", "before", 0.0, float(shares[0]))]
    for gid, label, size in moves:
        start = steps[-1][3]
        steps.append((gid, labels.get(label, label), start, start + size))
    return [*steps, ("after", "after", 0.0, float(shares[1]))]


def _draw_waterfall(
    ax: Axes, steps: Sequence[tuple[str, str, float, float]], *, good: bool
) -> float:
    """Draw each step from where the one above ends; return where the axis starts."""
    levels = [end for _, _, _, end in steps]
    low, high = min(levels), max(levels)
    room = (high - low) or max(abs(high) * 0.1, 0.01)
    edge = max(low - 0.35 * room, 0.0)
    for place, (gid, _, start, end) in enumerate(steps):
        whole = gid in ("before", "after")
        begin = edge if whole else start
        colour = COLOURS[0] if whole else COLOURS[2] if (end > start) == good else COLOURS[1]
        corner, width = (min(begin, end), place - 0.36), abs(end - begin)
        ax.add_patch(Rectangle(corner, width, 0.72, color=colour, gid=gid))
        if place + 1 < len(steps):
            ax.plot([end, end], [place - 0.36, place + 1.36], color=GREY, linewidth=0.7, zorder=0.5)
        text = percent(end) if whole else points(end - start)
        ax.annotate(text, (max(begin, end), place), xytext=(4, 0), textcoords="offset points",
                    va="center", fontsize="small", bbox=halo(ax))  # fmt: skip
    ax.set_yticks(range(len(steps)), [label for _, label, _, _ in steps])
    ax.set_ylim(len(steps) - 0.5, -0.5)
    ax.set_xlim(edge, high + 0.3 * room)
    ax.xaxis.set_major_formatter(Percent())
    ax.locator_params(axis="x", nbins=6)
    return edge
