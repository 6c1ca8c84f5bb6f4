"""Two methods as they are often written: every key and rate by itself, days as if independent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: Rates as (events, messages), and the least change that is told of, in points.
_RATES: Final = {
    "bounce_rate": ("bounced", "processed", 0.5),
    "deferral_rate": ("delayed_first_attempt", "processed", 1.0),
    "complaint_rate": ("complained", "delivered", 0.05),
    "unsubscribe_rate": ("unsubscribed", "delivered", 0.2),
    "open_rate": ("unique_opened", "delivered", 2.0),
    "click_rate": ("unique_clicked", "delivered", 0.5),
}
_LEAST_EVENTS: Final = 20
_LATEST, _BEFORE = 7, 28
_FALSE_DISCOVERIES: Final = 0.05

COLUMNS: Final = ("kind", "metric", "keys", "start", "end", "excess", "score")


def two_proportions(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Compare the last 7 days with the 28 before: z of two proportions, BH, least change."""
    from scipy.stats import false_discovery_control, norm

    tested = []
    before = slice(-_LATEST - _BEFORE, -_LATEST)
    for panel in _panels(frames):
        k1, n1 = panel.events[-_LATEST:].sum(axis=0), panel.messages[-_LATEST:].sum(axis=0)
        k0, n0 = panel.events[before].sum(axis=0), panel.messages[before].sum(axis=0)
        with np.errstate(all="ignore"):
            pooled = (k0 + k1) / (n0 + n1)
            change = k1 / n1 - k0 / n0
            z = change / np.sqrt(pooled * (1 - pooled) * (1 / n0 + 1 / n1))
        for i in np.flatnonzero(np.isfinite(z)):
            found = panel.finding(i, -_LATEST, -1, z[i], k1[i] - k0[i] / n0[i] * n1[i])
            tested.append({**found, "enough": 100 * abs(change[i]) >= panel.least})
    table = pd.DataFrame(tested, columns=[*COLUMNS, "enough"])
    if len(table):
        told = false_discovery_control(2 * norm.sf(table["score"].abs())) < _FALSE_DISCOVERIES
        table = table[told & table["enough"].astype(bool)]
    return _ranked(table)


def p_chart(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Tell of every run of days beyond three binomial standard deviations of the usual rate."""
    found = []
    for panel in _panels(frames):
        with np.errstate(all="ignore"):
            usual = panel.events.sum(axis=0) / panel.messages.sum(axis=0)
            rate = panel.events / panel.messages
            z = (rate - usual) / np.sqrt(usual * (1 - usual) / panel.messages)
        excess = panel.events - usual * panel.messages
        out = (np.abs(z) > 3) & (100 * np.abs(rate - usual) >= panel.least) & np.isfinite(z)
        for i in np.flatnonzero(out.any(axis=0)):
            days = np.flatnonzero(out[:, i])
            turns = (np.diff(days) > 1) | (np.diff(np.sign(z[days, i])) != 0)
            for run in np.split(days, np.flatnonzero(turns) + 1):
                strongest = np.abs(z[run, i]).max()
                found.append(panel.finding(i, run[0], run[-1], strongest, excess[run, i].sum()))
    return _ranked(pd.DataFrame(found, columns=list(COLUMNS)))


def _ranked(table: pd.DataFrame) -> pd.DataFrame:
    """Return the findings of enough events, those of the largest z and excess first."""
    table = table[table["excess"].abs() >= _LEAST_EVENTS].copy()
    table["score"] = table["score"].abs() * np.log1p(table["excess"].abs().astype(float))
    table = table.sort_values("score", ascending=False, ignore_index=True)
    return table[list(COLUMNS)]


class _Panel(NamedTuple):
    """Events and messages of a rate by day and key."""

    levels: list[str]
    keys: list[tuple[str, ...]]
    days: pd.DatetimeIndex
    metric: str
    events: NDArray[np.float64]
    messages: NDArray[np.float64]
    least: float

    def finding(self, key: int, start: int, end: int, z: float, excess: float) -> dict[str, Any]:
        """Return a finding, as yet with z in place of its score."""
        keys = {name: [value] for name, value in zip(self.levels, self.keys[key], strict=True)}
        days = (self.days[start], self.days[end])
        return dict(
            zip(COLUMNS, ("rate", self.metric, json.dumps(keys), *days, excess, z), strict=True)
        )


def _panels(frames: Sequence[pd.DataFrame]) -> Iterator[_Panel]:
    """Return every rate by the keys of one level and of two."""
    seen: set[str] = set()
    for frame in frames:
        levels = [str(name) for name in frame.index.names[1:]]
        if "bot" in levels:
            continue
        # A sum over tags would count messages twice.
        new = [[n] for n in levels if n not in seen and set(levels) - {n} != {"tag"}]
        seen |= {name for names in new for name in names}
        until = pd.Timestamp(frame.attrs["mgframe"]["complete_until"])
        whole = frame[frame.index.get_level_values("time") < until].astype("int64")
        for names in [*new, levels]:
            wide = whole.groupby(level=["time", *names]).sum().unstack(names, fill_value=0)
            for metric, (top, bottom, least) in _RATES.items():
                events, messages = wide[top], wide[bottom]
                keys = [key if isinstance(key, tuple) else (key,) for key in events.columns]
                arrays = (events.to_numpy(float), messages.to_numpy(float))
                yield _Panel(names, keys, wide.index, metric, *arrays, least)
