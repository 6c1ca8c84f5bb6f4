"""From the frame to the numbers that are drawn: one table of floats per count or rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from mgframe.errors import FrameError
from mgframe.feedback import without_feedback_loop
from mgframe.framing import require_columns
from mgframe.plotting.choosing import Chosen, choose
from mgframe.plotting.timeaxis import days_spanned, width_of
from mgframe.ranking import ranked_keys, size_column
from mgframe.ratios import rates as rates_of
from mgframe.reshaping import sum as sum_of
from mgframe.summing import names_in
from mgframe.vocabulary import PROVIDER_LEVELS, RATES, count_name, rate_name

#: For each count or rate its values: by time with one column per key, or one column by key.
Tables = Mapping[str, pd.DataFrame]

#: The lower and the upper bounds of a table's values, each a table like it.
Band = tuple[pd.DataFrame, pd.DataFrame]
Bands = Mapping[str, Band]
NO_BANDS: Final[Bands] = {}

#: The column of a table that has no keys.
NO_KEYS: Final = ""

_FIRST_COUNTS: Final = ("delivered", "unique_opened", "unique_clicked", "bounced")
_FIRST_RATES: Final = ("delivery_rate", "open_rate", "click_rate")
_ROLLING: Final = "7d"
_LEAST_DAYS_TO_ROLL: Final = 14


def count_columns(chosen: Chosen, columns: str | Sequence[str] | None) -> list[str]:
    """Return the columns to draw: those named, an overview of one key, the volume of several."""
    present = [str(name) for name in chosen.frame.columns]
    if columns is not None:
        named = names_in(columns, argument="columns")
        found = [name if name in present else count_name(name) for name in named]
        require_columns(chosen.frame, found)
    elif len(chosen.keys) > 1 and chosen.level is not None:
        found = [size_column(chosen.frame, chosen.level) or present[0]] if present else []
    else:
        found = [name for name in _FIRST_COUNTS if name in present] or present
        found = found[: len(_FIRST_COUNTS)]
    if not found:
        raise FrameError(f"no counts to draw: columns={columns!r}, the frame has {present}")
    return list(dict.fromkeys(found))


def rate_names(chosen: Chosen, names: str | Sequence[str] | None) -> list[str]:
    """Return the rates to draw: those named, or what the frame can give at a glance."""
    if names is not None:
        found = list(dict.fromkeys(rate_name(n) for n in names_in(names, argument="names")))
    else:
        several = len(chosen.keys) > 1
        given = list(rates_of(chosen.frame.iloc[:0]).columns)
        found = [name for name in _FIRST_RATES if name in given] or given
        found = found[: 1 if several else len(_FIRST_RATES)]
    if not found:
        raise FrameError(f"no rates to draw: names={names!r}; rates are {list(RATES)}")
    return found


def window_for(chosen: Chosen, name: str, rolling: str | None) -> str | None:
    """Return the trailing window of a rate; ``"auto"`` rolls what lands on another day."""
    if rolling != "auto":
        return rolling
    if not (chosen.over_time and RATES[name].event_time):
        return None
    fine = width_of(chosen.frame) in ("hour", "day")
    return _ROLLING if fine and days_spanned(chosen.frame) >= _LEAST_DAYS_TO_ROLL else None


def count_tables(chosen: Chosen, names: list[str]) -> dict[str, pd.DataFrame]:
    """Return the counts by time and key, summed over all other levels."""
    counts = chosen.frame[names]
    if list(counts.index.names) != chosen.levels:
        counts = sum_of(counts, chosen.levels)
    return {name: _table(counts[name], chosen) for name in names}


def rate_table(chosen: Chosen, name: str, of: str | None, window: str | None) -> pd.DataFrame:
    """Return a rate by time and key, pooled over all other levels."""
    return rate_and_band(chosen, name, of, window, None)[0]


def rate_and_band(
    chosen: Chosen, name: str, of: str | None, window: str | None, interval: float | None
) -> tuple[pd.DataFrame, Band | None]:
    """Return a rate as :func:`rate_table` does, and the bounds of its interval."""
    pooled = None if list(chosen.frame.index.names) == chosen.levels else chosen.levels
    found = rates_of(chosen.frame, [name], by=pooled, of=of, rolling=window, interval=interval)
    table, *bounds = (_table(found[column], chosen) for column in found)
    return table, (bounds[0], bounds[1]) if bounds else None


def band_notes(
    names: Sequence[str],
    windows: Mapping[str, str | None],
    interval: float | None,
    *,
    over_time: bool,
) -> list[str]:
    """Return what the bands mean, and which rates have none."""
    if interval is None:
        return []
    level = f"{interval * 100:g} %"
    drawn = [name for name in names if RATES[name].proportion]
    notes = [
        f"No interval: {RATES[name].label} is no proportion." for name in names if name not in drawn
    ]
    if drawn and not over_time:
        notes.append(f"Whisker: {level} interval of independent messages; days may differ by more.")
    if any(windows[name] for name in drawn) and over_time:
        notes.append(f"Band of a rolling rate: {level} interval, as wide as its days differ.")
    if any(not windows[name] for name in drawn) and over_time:
        notes.append(
            f"Band of a single bucket: {level} interval of its own messages; days differ by more."
        )
    return notes


def pooled_rate(frame: pd.DataFrame, name: str, of: str | None) -> pd.Series[float]:
    """Return a rate by time, pooled over all keys."""
    return rates_of(frame, [name], by="time", of=of)[name]


def _table(values: pd.Series, chosen: Chosen) -> pd.DataFrame:
    floats = pd.Series(values.to_numpy(dtype="float64", na_value=np.nan), index=values.index)
    if len(chosen.levels) == 2:
        return floats.unstack(chosen.level)
    # An index of several levels may hold but one.
    return floats.to_frame(NO_KEYS).set_axis(values.index.get_level_values(0), axis=0)


def all_values(tables: Tables) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return every known value of the tables."""
    values = [np.zeros(0), *(table.to_numpy(dtype="float64").ravel() for table in tables.values())]
    flat: np.ndarray[tuple[int], np.dtype[np.float64]] = np.concatenate(values)
    return flat[np.isfinite(flat)]


# ---------------------------------------------------------------- providers without complaints


def cut_for(frame: pd.DataFrame, name: str, chosen: Chosen, *, by: str | None, top: int) -> Chosen:
    """Return the keys for one rate.

    Providers that report no complaints stay out of the rest of a complaint rate, where their mail
    would push it down.
    """
    level = chosen.level
    if name != "complaint_rate" or level not in PROVIDER_LEVELS:
        return chosen
    unnamed = set(without_feedback_loop(ranked_keys(frame, level))) - set(chosen.keys)
    if not unnamed:
        return chosen
    return choose(frame[~frame.index.get_level_values(level).isin(unnamed)], by=by, top=top)


def silent_notes(frame: pd.DataFrame, chosen: Chosen, names: Sequence[str]) -> list[str]:
    """Return the note on keys whose complaint rate is unknown because nobody reports it."""
    if "complaint_rate" not in names or chosen.level not in PROVIDER_LEVELS:
        return []
    silent = without_feedback_loop(frame.index.get_level_values(str(chosen.level)).unique())
    listed = ", ".join(silent)
    return [f"No complaint data from Gmail ({listed}): it reports none."] if silent else []
