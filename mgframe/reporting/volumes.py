"""How much mail there was: now, on as many like weekdays before, and a year ago."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from mgframe.framing import times_of
from mgframe.reporting.material import Material, year_frame
from mgframe.reporting.spans import Days
from mgframe.reshaping import sum as add
from mgframe.timespan import local_midnights
from mgframe.vocabulary import COUNTS

#: What counts as volume, the first that a frame has.
VOLUMES: Final = ("processed", "sent", "delivered")


@dataclass(frozen=True)
class Volume:
    """Messages now, their mean of as many days before, and a year ago.

    `partly` says that a part of now is not known, so that there were at least as many.
    """

    name: str
    label: str
    value: int | None = None
    before: float | None = None
    year: int | None = None
    partly: bool = False

    @property
    def growth(self) -> float | None:
        """Return by which part there is more than before; None where either is not known."""
        return self._more_than(self.before)

    @property
    def since_last_year(self) -> float | None:
        """Return by which part there is more than a year ago; None where either is not known."""
        return self._more_than(self.year)

    def _more_than(self, then: float | None) -> float | None:
        return None if self.partly or not then or self.value is None else self.value / then - 1


def volume_column(frame: pd.DataFrame) -> str | None:
    """Return the count that says how much mail there was, None where there is none."""
    return next((name for name in VOLUMES if name in frame.columns), None)


def volumes(material: Material, frame: pd.DataFrame, by: str | None) -> dict[str, Volume]:
    """Return how much mail there was now and on as many like weekdays before, by key."""
    name = volume_column(frame)
    if name is None:
        return {}
    spans, levels = material.spans, [] if by is None else [by]
    own, like = spans.now.of(frame), _like_weekdays(spans.before.of(frame), spans.now)
    now, unknown = _summed(material, own, name, levels), _unknown(own, name, levels)
    before = _means(material, like, name, levels)
    year = _a_year_ago(material, frame, name, levels)
    return {
        key: Volume(
            name, COUNTS[name].label, now.get(key), before.get(key), year.get(key), key in unknown
        )
        for key in {**before, **now}
    }


def _means(
    material: Material, like: pd.DataFrame, name: str, levels: Sequence[str]
) -> dict[str, float]:
    """Return the mean of as many days as the report has; no key of which a part is not known."""
    days = local_midnights(times_of(like)).nunique() if len(like) else 0
    if not days:
        return {}
    unknown = _unknown(like, name, levels)
    sums = _summed(material, like, name, levels)
    number = material.spans.now.number
    return {key: value * number / days for key, value in sums.items() if key not in unknown}


def _a_year_ago(
    material: Material, frame: pd.DataFrame, name: str, levels: Sequence[str]
) -> dict[str, int]:
    """Return how much mail there was a year ago; nothing where a part of those days is unknown."""
    past = year_frame(material, frame, [name])
    if past is None or not set(levels) <= set(past.index.names):
        return {}
    return _summed(material, material.spans.year.of(past), name, levels)


def _summed(
    material: Material, frame: pd.DataFrame, name: str, levels: Sequence[str]
) -> dict[str, int]:
    sums = material.quietly(add, frame[[name]], list(levels), skipna=True)[name].dropna()
    return {str(key) if levels else "": int(value) for key, value in sums.items()}


def _unknown(frame: pd.DataFrame, name: str, levels: Sequence[str]) -> set[str]:
    """Return the keys of which a part is not known."""
    rows = frame[frame[name].isna()]
    if not len(rows):
        return set()
    return {str(key) for key in rows.index.unique(levels[0])} if levels else {""}


def _like_weekdays(frame: pd.DataFrame, days: Days) -> pd.DataFrame:
    wanted = pd.date_range(days.first, days.last).day_of_week.unique()
    return frame[local_midnights(times_of(frame)).day_of_week.isin(wanted)]
