"""Frames to both counts of a rate by key and day: the table that every comparison stands on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from mgframe.analysis.spans import Part
from mgframe.dividing import Floats, Sides
from mgframe.eligibility import choose_rates, counts_needed
from mgframe.errors import FrameError, warn
from mgframe.feedback import mixed_rows, silent_rows, warn_of_mixed_rows
from mgframe.framing import key_levels, meta_of
from mgframe.ratios import sides_of
from mgframe.summing import (
    UNIQUE_DAYS,
    Integers,
    group_rows,
    labels_of,
    levels_dropped,
    levels_named,
    refuse_overlapping_sums,
    warn_of_uniques,
)
from mgframe.vocabulary import DELIVERED_FBL, PROVIDER_LEVELS, RATES, Rate


@dataclass(frozen=True)
class Daily:
    """Counts by key (rows) and day (columns): `k` above and `n` below the line of the rate."""

    k: Floats
    n: Floats


def rate_for(frames: Sequence[pd.DataFrame], name: str, of: str | None) -> Rate:
    """Return the rate, once it is sure that every frame can give it.

    Complaints are divided by the mail to those that report any, where every frame tells providers
    apart and nothing else is asked.
    """
    rate = [choose_rates(frame, name, of)[0] for frame in frames][-1]
    told = all(set(PROVIDER_LEVELS) & set(frame.index.names) for frame in frames)
    if rate.name == "complaint_rate" and of is None and told:
        return replace(rate, denominator=DELIVERED_FBL)
    return rate


def meta_of_rate(rate: Rate) -> dict[str, Any]:
    """Return the name of a rate for attrs, and its denominator where that is not the usual one."""
    usual = rate.denominator == RATES[rate.name].denominator
    return {"rate": rate.name} | ({} if usual else {"of": rate.denominator})


def keys_kept(frames: Sequence[pd.DataFrame], by: str | Sequence[str] | None) -> list[str]:
    """Return the key levels to keep: those named, or all that the frames have.

    Raises
    ------
    FrameError
        The frames have different keys and `by` names none, a level is missing or is no key, or the
        sum over the others counts messages several times.
    """
    if by is None:
        levels = [key_levels(frame) for frame in frames]
        if any(set(found) != set(levels[0]) for found in levels):
            raise FrameError(
                f"the frames have different keys, {' and '.join(map(str, levels))}; say which to "
                "compare by, such as by='domain', or by=[] for everything together"
            )
        by = levels[0]
    kept = [levels_named(frame, by) for frame in frames][-1]
    if "time" in kept:
        raise FrameError("by= names keys to compare, and 'time' is what they are compared over")
    for frame in frames:
        refuse_overlaps(frame, kept)
    return kept


def refuse_overlaps(frame: pd.DataFrame, kept: Sequence[str]) -> None:
    """Raise :class:`FrameError` for a sum over several tags; one alone may go."""
    way_out = "name it in by=, or cut the frame to one with df.mg.where(tag=...)"
    refuse_overlapping_sums(frame, levels_dropped(frame, kept), way_out=way_out)


def tabulate(
    parts: Sequence[Part], rate: Rate, levels: Sequence[str]
) -> tuple[pd.DataFrame, list[Daily]]:
    """Return the keys that occur in any part, and for each part their counts by day.

    Rows of which one count is unknown are left out on both sides of the line; one warning says how
    many.
    """
    sides = [sides_heard(part.frame, rate, levels) for part in parts]
    known = [~(np.isnan(k) | np.isnan(n)) for k, n in sides]
    _warn_of_unknown(parts, rate, sum(int((~rows).sum()) for rows in known))
    _warn_of_uniques(parts, rate, levels)
    groups, keys = _keys_of([part.frame for part in parts], levels)
    tables = []
    for part, (k, n), rows, group in zip(parts, sides, known, groups, strict=True):
        days, column = np.unique(part.days.to_numpy(), return_inverse=True)
        place = (group * len(days) + column)[rows]
        tables.append(Daily(*(_matrix(place, v[rows], len(keys), len(days)) for v in (k, n))))
    _warn_of_no_proportions(rate, tables)
    return keys, tables


def _matrix(place: Integers, values: Floats, rows: int, columns: int) -> Floats:
    sums = np.bincount(place, weights=values, minlength=rows * columns)
    return sums.astype("float64", copy=False).reshape(rows, columns)


def _keys_of(
    frames: Sequence[pd.DataFrame], levels: Sequence[str]
) -> tuple[list[Integers], pd.DataFrame]:
    """Return the number of each row's key, by frame, and the keys as columns of texts."""
    labels = [labels_of(frame, levels) for frame in frames]
    joined = [first.append(list(rest)) for first, *rest in zip(*labels, strict=True)]
    numbers, index = group_rows(joined)
    groups = np.split(numbers, np.cumsum([len(frame) for frame in frames])[:-1])
    keys = index.to_frame(index=False) if levels else pd.DataFrame(index=range(len(index)))
    return list(groups), keys.astype("str") if levels else keys


def sides_heard(frame: pd.DataFrame, rate: Rate, levels: Sequence[str]) -> Sides:
    """Return both counts of every row; no messages of providers that report no complaints.

    Where neither the denominator nor the levels kept tell who they are, their mail stays in.
    """
    k, n = sides_of(frame, rate, {})
    if (k < 0).any() or (n < 0).any():
        raise FrameError(
            f"{rate.name} needs counts, but {' or '.join(counts_needed(rate))} is negative "
            "somewhere; mg.check_frame(df) says where"
        )
    named = rate.denominator == DELIVERED_FBL or set(PROVIDER_LEVELS) & set(levels)
    if rate.name != "complaint_rate" or not named:
        return k, n
    silent, mixed = silent_rows(frame.index), mixed_rows(frame.index, meta_of(frame))
    if mixed.any():
        warn_of_mixed_rows(meta_of(frame))
    k, n = (np.select([silent, mixed], [0.0, np.nan], default=side) for side in (k, n))
    return k, n


def _warn_of_unknown(parts: Sequence[Part], rate: Rate, unknown: int) -> None:
    if unknown:
        rows = sum(len(part.frame) for part in parts)
        warn(f"{rate.name} leaves out {unknown} of {rows} rows, of which a count is unknown")


def _warn_of_no_proportions(rate: Rate, tables: Sequence[Daily]) -> None:
    """Warn of keys with more events than messages: their rate says nothing of a share."""
    sums = [(table.k.sum(axis=1), table.n.sum(axis=1)) for table in tables]
    beyond = np.any([k > n for k, n in sums], axis=0)
    if rate.proportion and beyond.any():
        warn(
            f"{rate.name}: {int(beyond.sum())} of {len(beyond)} keys have more events than "
            "messages in a window, so that theirs is no proportion and has no interval; take "
            "longer windows"
        )


def _warn_of_uniques(parts: Sequence[Part], rate: Rate, levels: Sequence[str]) -> None:
    spans = [len(part.dates) for part in parts if len(part.dates)]
    if rate.event_time and spans and min(spans) < UNIQUE_DAYS:
        warn(
            f"{rate.name} counts on the day of the event and not of the send, so a window of "
            f"{min(spans)} days depends on when campaigns went out; compare {UNIQUE_DAYS} days or "
            "more a side"
        )
    dropped = {name for part in parts for name in levels_dropped(part.frame, levels)}
    long = bool(spans) and max(spans) > UNIQUE_DAYS
    warn_of_uniques(counts_needed(rate), over_bots="bot" in dropped, over_days=long)
