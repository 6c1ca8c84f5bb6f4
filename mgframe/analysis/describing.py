"""An interval of a slice as a finding: its rates, its size, and whether it matters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mgframe.analysis.cubes import Stack, Where
from mgframe.analysis.effects import EFFECTS
from mgframe.analysis.hunting import Hunt, measure
from mgframe.analysis.metrics import Metric
from mgframe.analysis.slices import Account
from mgframe.analysis.tails import NORMAL_95
from mgframe.intervals import effective_size, wilson
from mgframe.summing import Booleans

#: For the spread of an interval's days the usual one counts like so many days, and is at most so
#: large, as a variance of the logit.
_PRIOR_DAYS: Final = 4
_MOST_STRAY: Final = 0.04


@dataclass(frozen=True)
class Finding:
    """An incident: a metric that got worse at a place on the days `start` up to `stop`.

    All rates are those of the finding's rate (of deliveries, not of failures), `low` and `high` the
    95 % interval of its change; `excess` counts the messages that fared otherwise than expected,
    `share` is that of the whole account's departure. `lowest` and `highest` are the first and last
    day of the 90 % set of the start. `z` is signed like the change of what was counted, `q` is it
    among all series, and `folded` are the findings that follow from this one.

    Of kind ``mix`` the rate may move to either side, and counts and rates are what the usual rates
    of the parts give.
    """

    kind: str
    metric: Metric
    where: Where
    start: int
    stop: int
    lowest: int
    highest: int
    ongoing: bool
    n: float
    k: float
    expected: float
    before: float
    during: float
    low: float
    high: float
    excess: float
    z: float
    share: float = np.nan
    q: float = np.nan
    folded: tuple[Finding, ...] = ()

    @property
    def change(self) -> float:
        """By how much the rate changed."""
        return self.during - self.before

    @property
    def days(self) -> range:
        """The days of the interval."""
        return range(self.start, self.stop)

    @property
    def score(self) -> float:
        """How much a person should care: how sure, how many messages, and whether it goes on."""
        size = float(np.log1p(max(self.excess, 0.0)))
        return abs(self.z) * size * (1.5 if self.ongoing else 1.0)


def matters(metric: Metric, own: Hunt) -> Booleans:
    """Return which intervals moved enough, in points, as a ratio and in messages."""
    safe = np.maximum(own.n, 1e-9)
    before, during = own.expected / safe, own.k / safe
    if metric.failing:
        before, during = 1 - before, 1 - during
    return EFFECTS.get(metric.name, EFFECTS[metric.rate]).reached(
        before, during, own.k - own.expected
    )


def describe(account: Account, stack: Stack, own: Hunt, row: int, where: Where) -> Finding:
    """Return an interval of a slice as a finding."""
    metric = stack.metric
    n, k, expected = (float(side[row]) for side in (own.n, own.k, own.expected))
    before, during = expected / max(n, 1e-9), k / max(n, 1e-9)
    low, high = _change(stack, own, row)
    if metric.failing:
        k, expected, before, during, low, high = (
            n - k, n - expected, 1 - before, 1 - during, -high, -low,
        )  # fmt: skip
    known = np.flatnonzero(stack.n[row] > 0)
    stop = int(own.stop[row])
    return Finding(
        kind="rate", metric=metric, where=where, start=int(own.start[row]), stop=stop,
        lowest=int(own.lowest[row]), highest=int(own.highest[row]),
        ongoing=bool(len(known) and stop > known[-1]), n=n, k=k, expected=expected, before=before,
        during=during, low=low, high=high, z=float(own.z[row]),
        excess=abs(float(own.k[row] - own.expected[row])),
        share=_share(account, metric, own, row, where),
    )  # fmt: skip


def _change(stack: Stack, own: Hunt, row: int) -> tuple[float, float]:
    """Return the 95 % interval of the change: by days, and by how vague the usual rate is.

    Wilson's of the interval's own rate, of as many messages as its days are worth (see
    :func:`mgframe.intervals.effective_size`; the spread of few days is drawn to that of the days
    outside), joined with the normal one of the usual rate by the root of the sum of squares
    (Newcombe 1998, method 10, which joins two Wilson intervals so).
    """
    inside = own.inside[row] & (stack.n[row] > 0)
    k, n = stack.k[row, inside], stack.n[row, inside]
    events, messages = k.sum(), max(n.sum(), 1e-9)
    rate, usual = events / messages, own.expected[row] / messages
    chance_ = max(messages * rate * (1 - rate), 1.0)
    squares = float(((k - rate * n) ** 2).sum())
    days = max(int(inside.sum()), 1)
    prior = 1 + messages / days * rate * (1 - rate) * min(own.stray[row], _MOST_STRAY)
    freedom = days - 1 + _PRIOR_DAYS
    weighted = squares / chance_ * days + prior * _PRIOR_DAYS
    size = effective_size([messages], [weighted], [freedom])
    low, high = (float(side[0]) for side in wilson(rate * size, size))
    doubt = NORMAL_95 * usual * (1 - usual) * float(np.sqrt(own.vague[row]))
    change = rate - usual
    return change - float(np.hypot(rate - low, doubt)), change + float(np.hypot(high - rate, doubt))


def _share(account: Account, metric: Metric, own: Hunt, row: int, where: Where) -> float:
    """Return how much of the whole account's departure the finding is."""
    whole = account.at(metric, {"bot": where["bot"]} if metric.bots else {})
    if whole is None:
        return np.nan
    total = measure(whole, account.calendar, own.start[row], own.stop[row])
    departure = float(total.k[0] - total.expected[0])
    mine = float(own.k[row] - own.expected[row])
    return mine / departure if departure * mine > 0 else np.nan
