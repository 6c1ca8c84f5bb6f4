"""Tables without time as horizontal bars, each with its number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mgframe.plotting.choosing import Chosen
from mgframe.plotting.style import (
    COLOURS,
    GREY,
    dress,
    halo,
    legend_beside,
    new_axes,
    percent,
    say_nothing_to_draw,
)
from mgframe.plotting.tables import (
    NO_BANDS,
    NO_KEYS,
    Band,
    Bands,
    Tables,
    all_values,
    count_tables,
)
from mgframe.plotting.texts import key_labels, with_denominator_below
from mgframe.vocabulary import OTHER_KEYS, RATES

Texts = Mapping[str, "pd.Series[str]"]

_WHISKER: Final = {"elinewidth": 1.2, "capsize": 2.5, "ecolor": "#222222"}


def draw_bars(
    ax: Axes | None,
    chosen: Chosen,
    tables: Tables,
    whats: Mapping[str, str],
    texts: Texts,
    bands: Bands = NO_BANDS,
) -> Axes:
    """Draw a bar for each thing and key: keys below each other, things in colours.

    A single key has its things below each other.
    """
    rows = max(len(chosen.keys), 1) * len(tables)
    ax = ax if ax is not None else new_axes(8, 1.6 + 0.34 * rows)
    dress(ax, grid=False)
    if not len(all_values(tables)):
        say_nothing_to_draw(ax, empty=chosen.frame.empty)
        return ax
    if len(chosen.keys) == 1:
        _draw_things(ax, chosen.keys[0], tables, whats, texts, bands)
    else:
        _draw_groups(ax, chosen.keys, tables, whats, texts, bands)
    ax.invert_yaxis()
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)
    highest = all_values({what: band[1] for what, band in bands.items()}).max(initial=0)
    ax.set_xlim(0, max(all_values(tables).max(), highest, 0) * 1.3 or 1.0)
    return ax


def numbers(table: pd.DataFrame) -> pd.Series[str]:
    """Return counts as texts."""
    return table[NO_KEYS].map(lambda value: f"{value:,.0f}" if np.isfinite(value) else "unknown")


def shares(chosen: Chosen, table: pd.DataFrame, name: str, of: str | None) -> pd.Series[str]:
    """Return rates as texts with the size of their denominator, which says what they are worth."""
    denominator = of or RATES[name].denominator
    texts = table[NO_KEYS].map(percent)
    if denominator not in chosen.frame.columns:
        return texts
    sizes = count_tables(chosen, [denominator])[denominator]
    return texts + (" of " + numbers(sizes)).where(table[NO_KEYS].notna(), "")


def _draw_things(
    ax: Axes,
    key: str,
    tables: Tables,
    whats: Mapping[str, str],
    texts: Texts,
    bands: Bands,
) -> None:
    values = [float(table[NO_KEYS].to_numpy()[0]) for table in tables.values()]
    names = [with_denominator_below(whats[what], 40) for what in tables]
    parts = [_whiskers(tables[what], bands.get(what), [key]) for what in tables]
    known = [part for part in parts if part is not None]
    none = np.zeros((2, 1))
    whiskers = np.hstack([none if p is None else p for p in parts]) if known else None
    bars = ax.barh(
        range(len(values)),
        np.nan_to_num(values),
        color=COLOURS[0],
        gid=key,
        xerr=whiskers,
        error_kw=_WHISKER,
    )
    ax.bar_label(
        bars, [texts[what][key] for what in tables], padding=4, fontsize="small", bbox=halo(ax)
    )
    ax.set_yticks(range(len(values)), names)


def _whiskers(table: pd.DataFrame, band: Band | None, keys: list[str]) -> Any:
    """Return how far each bar's interval reaches down and up, 0 where it is not known."""
    if band is None:
        return None
    value, low, high = (
        part[NO_KEYS].reindex(keys).to_numpy(dtype="float64") for part in (table, *band)
    )
    return np.nan_to_num(np.vstack([value - low, high - value])).clip(min=0)


def _colour(place: int, key: str, things: int) -> str:
    """Return grey for the rest, unless colours tell things apart."""
    return GREY if key == OTHER_KEYS and things == 1 else COLOURS[place % len(COLOURS)]


def _draw_groups(
    ax: Axes,
    keys: list[str],
    tables: Tables,
    whats: Mapping[str, str],
    texts: Texts,
    bands: Bands,
) -> None:
    rows, height = np.arange(len(keys)), 0.8 / len(tables)
    for place, (what, table) in enumerate(tables.items()):
        colours = [_colour(place, key, len(tables)) for key in keys]
        bars = ax.barh(
            rows + (place - (len(tables) - 1) / 2) * height,
            np.nan_to_num(table[NO_KEYS].reindex(keys).to_numpy(dtype="float64")),
            height=height * 0.92,
            color=colours,
            label=with_denominator_below(whats[what], 34),
            gid=what,
            xerr=_whiskers(table, bands.get(what), keys),
            error_kw=_WHISKER,
        )
        labels = texts[what].reindex(keys).fillna("no data").tolist()
        ax.bar_label(bars, labels, padding=4, fontsize="small", bbox=halo(ax))
    ax.set_yticks(rows, list(key_labels(keys, most=40).values()))
    legend_beside(ax)
