"""What is no incident, for those who ask: other volumes, better rates, the open bucket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.analysis.collecting import LIMIT, Scan
from mgframe.analysis.cubes import Where
from mgframe.analysis.describing import matters
from mgframe.analysis.hunting import hunt
from mgframe.analysis.metrics import METRICS
from mgframe.analysis.slices import Account
from mgframe.analysis.wording import where_text
from mgframe.dividing import Floats

#: A day's volume is another one beyond so many times, and so many robust standard deviations.
_TIMES: Final = 2.0
_FAR: Final = 5.0
_FROM_MAD: Final = 1.4826
_LEAST_STRAY: Final = 0.1
#: Smaller slices swing by themselves.
_LEAST_MAIL: Final = 200.0


def notes_of(account: Account, scan: Scan, columns: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return rows of kind ``note``: innocent causes of what catches the eye."""
    rows = [*_volumes(account, scan.since), *_better(account, scan), *_open(account)]
    blank = {name: {"str": "", "time": pd.NaT, "bool": False}.get(kind, np.nan)
             for name, kind in columns.items()}  # fmt: skip
    found = []
    for row in rows:
        where: Where = row.pop("place")
        keys = json.dumps({level: list(names) for level, names in where.items()})
        start, stop = row.pop("days")
        times = {"start": account.times[start], "end": account.times[stop - 1]}
        found.append(
            {**blank, "kind": "note", "where": where_text(where), "keys": keys, **times, **row}
        )
    return found


def _volumes(account: Account, since: int) -> list[dict[str, Any]]:
    metric = next((m for m in METRICS if not m.late and account.gives(m)), None)
    if metric is None:
        return []
    stack = account.stack(metric)
    rows = []
    for place, n in zip(stack.places, stack.n, strict=True):
        if not place or place[0][0] != "tag":
            ratio, far = _volume(n, account.times)
            days = np.flatnonzero(far & (np.arange(len(n)) >= since))
            if len(days):
                day = int(days[np.argmax(np.abs(np.log(ratio[days])))])
                rows.append({
                    "place": {level: (name,) for level, name in place}, "days": (day, day + 1),
                    "n": float(n[day]), "expected": float(n[day] / ratio[day]),
                    "excess": float(n[day] - n[day] / ratio[day]),
                    "sentence": f"{n[day]:,.0f} messages on {account.times[day]:%Y-%m-%d}, "
                    f"{ratio[day]:.1f} times the usual; volume alone is no incident.",
                })  # fmt: skip
    return rows


def _volume(n: Floats, times: pd.DatetimeIndex) -> tuple[Floats, Any]:
    """Return each day's volume over the median of its weekday, and where that is far off."""
    ratio, far = np.ones(len(n)), np.zeros(len(n), dtype=bool)
    for weekday in range(7):
        own = np.asarray(times.day_of_week == weekday) & (n > 0)
        if own.sum() < 4 or np.median(n[own]) < _LEAST_MAIL:
            continue
        logs = np.log(n[own] / np.median(n[own]))
        stray = max(_FROM_MAD * float(np.median(np.abs(logs))), _LEAST_STRAY)
        ratio[own] = np.exp(logs)
        far[own] = (np.abs(logs) > _FAR * stray) & (np.abs(logs) > np.log(_TIMES))
    return ratio, far


def _better(account: Account, scan: Scan) -> list[dict[str, Any]]:
    rows = []
    for stack in scan.stacks:
        better = -stack.metric.worse
        own = hunt(stack, account.calendar, scan.since, better)
        z = better * own.z
        good = np.flatnonzero((z >= LIMIT) & matters(stack.metric, own))
        for i in good[np.argsort(-z[good])][:1]:
            k, n, expected = (float(side[i]) for side in (own.k, own.n, own.expected))
            if stack.metric.failing:
                k, expected = n - k, n - expected
            rows.append({
                "place": {level: (name,) for level, name in stack.places[i]},
                "days": (int(own.start[i]), int(own.stop[i])), "metric": stack.metric.rate,
                "n": n, "k": k, "expected": expected, "before": expected / n, "during": k / n,
                "change": (k - expected) / n, "excess": -abs(k - expected),
                "sentence": f"{stack.metric.rate.replace('_', ' ')} got better.",
            })  # fmt: skip
    return rows


def _open(account: Account) -> list[dict[str, Any]]:
    judged = np.flatnonzero(account.settled[False])
    first, stop = int(judged[-1]) + 1 if len(judged) else 0, len(account.times)
    if first == stop:
        return []
    text = (
        f"deliveries since {account.times[first]:%Y-%m-%d} were not judged: a day is not over, can "
        "still change, or is a holiday."
    )
    return [{"place": {}, "days": (first, stop), "sentence": text}]
