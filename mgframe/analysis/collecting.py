"""From slices that departed to findings: the strongest first, and what it explains taken away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from mgframe.analysis.effects import EFFECTS
from mgframe.analysis.hunting import Hunt, hunt, measure
from mgframe.analysis.localising import Where, Window, localise
from mgframe.analysis.metrics import LESS_TELLING, METRICS, OPENS, STRICTER
from mgframe.analysis.slices import Account, Cube, Metric, Place, Stack
from mgframe.analysis.tails import normal_p
from mgframe.dividing import Floats
from mgframe.intervals import effective_size, wilson
from mgframe.summing import Booleans
from mgframe.vocabulary import OVERLAPPING_LEVELS

#: How far an interval must lie from chance.
LIMIT: Final = 5.0
#: How many intervals there are to choose among, counted as if they were independent.
CHOICES: Final = 700
#: How many incidents a family is searched for.
MOST: Final = 4
_NORMAL: Final = 1.959963984540054
_PRIOR_DAYS: Final = 4
#: A single day must depart by so much more, because wild days happen.
_ONE_DAY: Final = 0.5
#: Where an IP and another key hold the same mail, the other key is what people know.
_KNOWN: Final = {"ip": 0.93}
#: How far all opens must depart where those by machines are not known alone.
_VISIBLE: Final = 2.5
_MOST_STRAY: Final = 0.04
#: How much of both intervals must be common, for the place's own to be the better one.
_LIKE: Final = 0.3


@dataclass(frozen=True)
class Finding:
    """An incident: a metric that got worse at a place on the days `start` up to `stop`.

    All rates are those of the finding's rate (of deliveries, not of failures); `excess` counts the
    messages that fared worse than expected. `z` is signed like the change of what was counted.
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


@dataclass(frozen=True)
class Scan:
    """The findings of an account, and how rare each series of each metric is by chance.

    `since` is the first day on which an incident may begin; `first` has every slice with its
    strongest interval, before anything was explained.
    """

    findings: tuple[Finding, ...]
    p: Floats
    since: int
    first: tuple[tuple[Stack, Hunt], ...]


def collect(account: Account, *, limit: float = LIMIT, since: int = 0) -> Scan:
    """Return every incident that a family of rates shows, and the chances of all series."""
    families: dict[str, list[Metric]] = {}
    for metric in METRICS:
        if account.gives(metric):
            families.setdefault(metric.family, []).append(metric)
    found: list[Finding] = []
    first: list[tuple[Stack, Hunt]] = []
    for metrics in families.values():
        findings, looked = _of_family(account, metrics, limit, since)
        found += findings
        first += looked
    p = np.concatenate([np.zeros(0), *(chance(own.z) for _, own in first)])
    return Scan(tuple(found), p, since, tuple(first))


def _of_family(
    account: Account, metrics: Sequence[Metric], limit: float, since: int
) -> tuple[list[Finding], list[tuple[Stack, Hunt]]]:
    stacks = [account.stack(metric) for metric in metrics]
    stacks = [stack for stack in stacks if stack.places]
    found: list[Finding] = []
    first: list[tuple[Stack, Hunt]] = []
    for _ in range(MOST):
        hunts = [hunt(stack, account.calendar, since) for stack in stacks]
        first = first or list(zip(stacks, hunts, strict=True))
        best = _strongest(stacks, hunts, limit)
        if best is None:
            break
        which, row = best
        finding = _located(account, stacks[which], hunts[which], row, limit, since)
        found.append(finding)
        stacks = [without(account, stack, finding) for stack in stacks]
    return found, first


def chance(z: Floats) -> Floats:
    """Return how probable it is that some interval of a quiet series departs so far."""
    return np.minimum(1.0, CHOICES * normal_p(z))


def _strongest(
    stacks: Sequence[Stack], hunts: Sequence[Hunt], limit: float
) -> tuple[int, int] | None:
    """Return the metric and the slice that departs most for the worse and matters."""
    best, found = 0.0, None
    for which, (stack, own) in enumerate(zip(stacks, hunts, strict=True)):
        z = stack.metric.worse * own.z
        alone = (own.inside & (stack.n > 0)).sum(axis=1) == 1
        least = limit + STRICTER.get(stack.metric.name, 0.0) + _ONE_DAY * alone
        good = (z >= least) & matters(stack.metric, own)
        if not good.any():
            continue
        known = np.array([_KNOWN.get(place[0][0], 1.0) if place else 1.0 for place in stack.places])
        strength = np.where(good, z, 0.0) * LESS_TELLING.get(stack.metric.name, 1.0) * known
        row = int(strength.argmax())
        if strength[row] > best:
            best, found = float(strength[row]), (which, row)
    return found


def matters(metric: Metric, own: Hunt) -> Booleans:
    """Return which intervals moved enough, in points, as a ratio and in messages."""
    safe = np.maximum(own.n, 1e-9)
    before, during = own.expected / safe, own.k / safe
    if metric.failing:
        before, during = 1 - before, 1 - during
    return EFFECTS[metric.rate].reached(before, during, own.k - own.expected)


# ---------------------------------------------------------------- where, exactly


def _located(
    account: Account, stack: Stack, own: Hunt, row: int, limit: float, since: int
) -> Finding:
    """Return the finding of a slice: at its place, on the days that the place itself tells."""
    metric, place = stack.metric, stack.places[row]
    start, stop = int(own.start[row]), int(own.stop[row])
    where = _place(account, metric, place, start, stop)
    exact = account.at(metric, where)
    if exact is None and metric.bots:
        finding = _of_machines(account, metric, where, start, stop)
        if finding is not None:
            return finding
    if exact is not None:
        better = _own_days(account, exact, start, stop, since)
        enough = metric.worse * better.z[0] >= 0.8 * limit and matters(metric, better)[0]
        if enough:
            return describe(account, exact, better, 0, where)
    slice_: Where = {level: (name,) for level, name in place}
    return describe(account, stack, own, row, slice_)


def _of_machines(
    account: Account, metric: Metric, where: Where, start: int, stop: int
) -> Finding | None:
    """Return what machines did at a place where only all opens are known, None where none is."""
    exact = account.at(OPENS, where) if metric.rate == OPENS.rate else None
    if exact is None:
        return None
    exact = replace(exact, metric=replace(metric, bots=False))
    own = measure(exact, account.calendar, np.array([start]), np.array([stop]))
    return describe(account, exact, own, 0, where) if own.z[0] >= _VISIBLE else None


def _place(account: Account, metric: Metric, place: Place, start: int, stop: int) -> Where:
    days = np.zeros(len(account.times), dtype=bool)
    days[start:stop] = True
    if not metric.bots:
        return localise(Window(account.cubes(metric), days, metric.worse), place)
    # All opens are noisier than those by machines: they may only say which domain.
    pair = {"domain", place[0][0]} if place else {"domain"}
    cubes = [cube for cube in account.cubes(OPENS) if pair <= set(cube.levels)]
    cubes = [cube for cube in cubes if not OVERLAPPING_LEVELS.intersection(cube.levels)]
    return localise(Window(cubes, days, 1), place)


def _own_days(account: Account, stack: Stack, start: int, stop: int, since: int) -> Hunt:
    """Return the interval of a place itself, where it is that of the slice it was found in."""
    found = hunt(stack, account.calendar, since)
    first, last = int(found.start[0]), int(found.stop[0])
    common = max(min(last, stop) - max(first, start), 0)
    alike = common / max(max(last, stop) - min(first, start), 1) >= _LIKE
    if alike and found.z[0] * stack.metric.worse > 0:
        return found
    return measure(stack, account.calendar, np.array([start]), np.array([stop]))


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
        share=_share(account, metric, own, row),
    )  # fmt: skip


def _change(stack: Stack, own: Hunt, row: int) -> tuple[float, float]:
    """Return the 95 % interval of the change: by days, and by how vague the usual rate is.

    The spread of few days is drawn to that of the days outside.
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
    doubt = _NORMAL * usual * (1 - usual) * float(np.sqrt(own.vague[row]))
    change = rate - usual
    return change - float(np.hypot(rate - low, doubt)), change + float(np.hypot(high - rate, doubt))


def _share(account: Account, metric: Metric, own: Hunt, row: int) -> float:
    """Return how much of the whole account's departure the finding is."""
    whole = account.at(metric, {})
    if whole is None:
        return np.nan
    total = measure(whole, account.calendar, own.start[row : row + 1], own.stop[row : row + 1])
    departure = float(total.k[0] - total.expected[0])
    mine = float(own.k[row] - own.expected[row])
    return mine / departure if departure * mine > 0 else np.nan


# ---------------------------------------------------------------- what it explains


def without(account: Account, stack: Stack, finding: Finding) -> Stack:
    """Return the slices of a metric without what a finding explains of them."""
    k, n = stack.k.copy(), stack.n.copy()
    days = np.zeros(k.shape[1], dtype=bool)
    days[max(finding.start - 1, 0) : finding.stop + 1] = True
    cubes = account.cubes(stack.metric)
    window = Window(cubes, days, 1)
    for row, place in enumerate(stack.places):
        apart = [
            level
            for level, name in place
            if level in finding.where and name not in finding.where[level]
        ]
        if apart and not OVERLAPPING_LEVELS.intersection(apart):
            continue
        excess = None if apart else _shared_excess(window, finding.where, place)
        if excess is None:
            n[row, days] = 0.0
            k[row, days] = 0.0
        else:
            left = k[row, days] - excess
            k[row, days] = np.clip(left, 0.0, n[row, days])
    return replace(stack, k=k, n=n)


def _shared_excess(window: Window, where: Mapping[str, Any], place: Place) -> Floats | None:
    """Return by day what a slice has too much in common with a place; None where unknown."""
    levels = list({*where, *(level for level, _ in place)})
    if len(levels) != 2 or not place:
        return None
    cube = window.between(levels[0], levels[1])
    if cube is None:
        return None
    members = {**where, **{level: (name,) for level, name in place}}
    rows, columns = (
        [i for i, name in enumerate(names) if level not in members or name in members[level]]
        for level, names in zip(cube.levels, cube.members, strict=True)
    )
    k, n = (side[rows][:, columns][:, :, window.days] for side in (cube.k, cube.n))
    usual = _usual(cube, window)[rows][:, columns]
    excess: Floats = (k - n * usual[:, :, None]).sum(axis=(0, 1))
    return excess


def _usual(cube: Cube, window: Window) -> Floats:
    outside = np.where(window.days, 0.0, 1.0)
    return Cube(cube.levels, cube.members, cube.k * outside, cube.n * outside, cube.noise).rates
