"""What a frame lets one choose: keys, rates, counts, days and resolutions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pandas as pd

from mgframe.errors import FrameError
from mgframe.framing import complete_until, key_levels, meta_of, resolution_of, times_of
from mgframe.plotting.choosing import one_reading
from mgframe.ranking import ranked_keys
from mgframe.ratios import rates
from mgframe.summing import require_counts
from mgframe.timespan import bucket_ends, json_time, local_midnights
from mgframe.unseen import visible
from mgframe.vocabulary import ALL_COUNTS, DELIVERED_FBL, KEYS, PROVIDER_LEVELS, RATES

#: The widths that a bucket can have, each with the rule that makes longer ones of it.
WIDTHS: Final = {"hour": "", "day": "D", "week": "W", "month": "M"}

_DAY: Final = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Days:
    """The days of a frame, and what is known of its end.

    `first` and `last` are the first day and the last one that is over, `newest` the last one with a
    bucket. `until` is when the buckets are complete where attrs do not say so, else empty.
    """

    first: pd.Timestamp
    last: pd.Timestamp
    newest: pd.Timestamp
    until: str

    @property
    def number(self) -> int:
        """How many days there are up to the last one that is over."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True)
class Offer:
    """What can be chosen in a frame; `days` is None for one without time.

    `as_of` says that it holds one reading of lifetime counters.
    """

    levels: tuple[str, ...]
    keys: Mapping[str, tuple[str, ...]]
    names: Mapping[str, Mapping[str, str]]
    rates: tuple[str, ...]
    counts: tuple[str, ...]
    days: Days | None
    resolution: str
    is_sorted: bool
    as_of: bool

    def label(self, level: str, key: str) -> str:
        """Return what a key is called: an id by its name, where an answer told it."""
        name = self.names.get(level, {}).get(key, "")
        return visible(f"{name} ({key})" if name and name != key else key)

    def of(self, name: str) -> str | None:
        """Return another denominator of a rate than its own: that without providers like Gmail.

        They report no complaints, and their share would make the rate look small.
        """
        told = set(PROVIDER_LEVELS) & set(self.levels)
        return DELIVERED_FBL if name == "complaint_rate" and told else None

    def reaches_back(self, days: int) -> bool:
        """Whether there are days so far before the last one."""
        return self.days is not None and self.days.number > days

    @property
    def has_windows(self) -> bool:
        """Whether some of the days can be looked at: longer buckets cannot be cut to days."""
        return self.days is not None and self.resolution in ("hour", "day")

    @property
    def resolutions(self) -> tuple[str, ...]:
        """The frame's own width and the longer ones."""
        if self.resolution not in WIDTHS:
            return (self.resolution,) if self.resolution else ()
        widths = list(WIDTHS)[list(WIDTHS).index(self.resolution) :]
        return tuple(w for w in widths if not (self.resolution == "week" and w == "month"))


def offer_of(frame: pd.DataFrame) -> Offer:
    """Return what can be chosen in a frame.

    Raises
    ------
    FrameError
        It has no counts or something else than counts, or several readings of lifetime counters.
    """
    as_of = "as_of" in frame.index.names
    frame = one_reading(frame)
    levels = tuple(key_levels(frame))
    counts = tuple(str(name) for name in frame.columns)
    if not counts:
        raise FrameError("the frame has no column of counts, so there is nothing to explore")
    require_counts(frame, counts)
    timed = "time" in frame.index.names
    names = meta_of(frame).get("names")
    return Offer(
        levels,
        {level: tuple(ranked_keys(frame, level)) for level in levels},
        names if isinstance(names, dict) else {},
        _rates(frame, counts),
        counts,
        _days(frame) if timed and len(frame) else None,
        _width(frame) if timed and len(frame) else "",
        frame.index.is_monotonic_increasing,
        as_of,
    )


def _rates(frame: pd.DataFrame, counts: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(str(name) for name in rates(frame.iloc[:0]).columns)
    except FrameError:  # not one rate can be made of these counts
        return ()


def _width(frame: pd.DataFrame) -> str:
    try:
        return resolution_of(frame)
    except FrameError:  # one bucket alone: it is drawn as it is
        return ""


def _days(frame: pd.DataFrame) -> Days:
    times = times_of(frame)
    seen = local_midnights(pd.DatetimeIndex([times.min(), times.max()], tz=times.tz))
    end = bucket_ends(pd.DatetimeIndex([times.max()]), _width(frame) or "day")[0]
    try:
        until, said = complete_until(frame).tz_convert(times.tz), ""
    except FrameError:
        until, said = end, json_time(end)
    over = min(until, end).tz_localize(None).normalize() - _DAY
    return Days(seen[0], max(over, seen[0]), seen[1], said)


def key_title(level: str) -> str:
    """Return what a key level is called on a label."""
    return KEYS[level].label if level in KEYS else level


def measure_title(name: str) -> str:
    """Return what a rate or a count is called on a label."""
    if name in RATES:
        return RATES[name].label
    return ALL_COUNTS[name].label if name in ALL_COUNTS else name
