"""From slices that departed to findings: the strongest first, and what it explains taken away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from mgframe.analysis.effects import EFFECTS
from mgframe.analysis.hunting import Hunt, hunt, measure
from mgframe.analysis.localising import Where, Window, localise
from mgframe.analysis.metrics import LESS_TELLING, LIKELY, METRICS, OPENS, STRICTER
from mgframe.analysis.slices import Account, Cube, Metric, Place, Stack
from mgframe.analysis.tails import NORMAL_95, normal_p
from mgframe.dividing import Floats
from mgframe.intervals import effective_size, wilson
from mgframe.summing import Booleans
from mgframe.vocabulary import OVERLAPPING_LEVELS, PROVIDER_LEVELS

#: How far an interval must lie from chance.
LIMIT: Final = 4.7
#: How many intervals there are to choose among, counted as if they were independent.
CHOICES: Final = 700
#: How many incidents a family is searched for.
MOST: Final = 4
_PRIOR_DAYS: Final = 4
#: A single day must depart by so much more, because wild days happen.
_ONE_DAY: Final = 0.3
#: Where an IP and another key hold the same mail, the other key is what people know.
_KNOWN: Final = {"ip": 0.93}
#: By how much more likely (as a logarithm) a surplus must be that of one domain than of all.
_TELLING: Final = 1.5
_MOST_STRAY: Final = 0.04
#: What days around it make up for to this share has come at another time.
_MADE_UP: Final = 0.5
#: How much of what a slice has too much its place must hold.
_MOST_OF_IT: Final = 0.5
#: How much of both intervals must be common, for the place's own to be the better one.
_LIKE: Final = 0.3
_NEARLY_ALL: Final = 0.8


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

    `since` is the first day on which an incident may begin; `stacks` has every slice of every
    metric, before anything was explained.
    """

    findings: tuple[Finding, ...]
    p: Floats
    since: int
    stacks: tuple[Stack, ...]


def collect(account: Account, *, limit: float = LIMIT, since: int = 0) -> Scan:
    """Return every incident that a family of rates shows, and the chances of all series."""
    families: dict[str, list[Metric]] = {}
    for metric in METRICS:
        if account.gives(metric):
            families.setdefault(metric.family, []).append(metric)
    found: list[Finding] = []
    every: list[Stack] = []
    chances = [np.zeros(0)]
    for metrics in families.values():
        stacks = [account.stack(metric) for metric in metrics]
        stacks = [stack for stack in stacks if stack.places]
        findings, first = _of_family(account, stacks, limit, since)
        found += findings
        every += stacks
        chances += [chance(own.z) for own in first]
    return Scan(tuple(found), np.concatenate(chances), since, tuple(every))


def _of_family(
    account: Account, stacks: Sequence[Stack], limit: float, since: int
) -> tuple[list[Finding], list[Hunt]]:
    """Return the incidents of a family, and the strongest intervals before any was explained."""
    found: list[Finding] = []
    first: list[Hunt] = []
    for _ in range(MOST):
        hunts = [hunt(stack, account.calendar, since, stack.metric.worse) for stack in stacks]
        first = first or hunts
        best = _strongest(stacks, hunts, limit)
        if best is None:
            break
        which, row = best
        finding = _located(account, stacks[which], hunts[which], row, limit, since, found)
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
        if stack.metric.late:
            good &= own.made_up(stack.k, stack.n) < _MADE_UP
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
    return EFFECTS.get(metric.name, EFFECTS[metric.rate]).reached(
        before, during, own.k - own.expected
    )


# ---------------------------------------------------------------- where, exactly


def _located(
    account: Account,
    stack: Stack,
    own: Hunt,
    row: int,
    limit: float,
    since: int,
    found: Sequence[Finding],
) -> Finding:
    """Return the finding of a slice: at its place, on the days that the place itself tells."""
    metric, place = stack.metric, stack.places[row]
    start, stop = int(own.start[row]), int(own.stop[row])
    slice_: Where = {level: (name,) for level, name in place}
    where = _place(account, stack, own, row, found)
    exact = account.at(metric, where)
    if exact is not None:
        moved = float(own.k[row] - own.expected[row])
        better = _own_days(account, exact, start, stop, since)
        if (better.k - better.expected)[0] / moved < _MOST_OF_IT:
            better = measure(exact, account.calendar, start, stop)
        if matters(metric, better)[0] and (better.k - better.expected)[0] / moved >= _MOST_OF_IT:
            finding = describe(account, exact, better, 0, where)
            # A place with little mail of its own is as sure as the slice it was found in.
            finding = replace(finding, z=max(finding.z, float(own.z[row]), key=abs))
            return at_domain(account, finding) if metric.bots else finding
    return describe(account, stack, own, row, slice_)


def at_domain(account: Account, finding: Finding) -> Finding:
    """Return what machines did at a provider as that of the one domain whose opens it explains.

    No table tells machines apart by domain, but all opens by domain and provider are known: had all
    of the surplus come to one domain, its opens would be higher by that number, and those of the
    others as usual. Rates and messages of the domain's are what they are at the provider.
    """
    levels = [level for level in finding.where if level in PROVIDER_LEVELS]
    if not levels or finding.metric.rate != OPENS.rate:
        return finding
    provider = {level: finding.where[level] for level in levels}
    lines = {
        name: own
        for name in account.names("domain")
        if (own := _opens(account, {"domain": (name,), **provider}, finding)) is not None
    }
    if len(lines) < 2:
        return finding
    off, spread, mail = (np.array(side) for side in zip(*lines.values(), strict=True))
    likely = [
        -float((((off - part) / spread) ** 2).sum()) / 2
        for part in (*(finding.excess * np.eye(len(lines))), finding.excess * mail / mail.sum())
    ]
    best = int(np.argmax(likely[:-1]))
    if likely[best] - likely[-1] < _TELLING:
        return finding
    share = float(mail[best] / mail.sum())
    expected, n = finding.expected * share, finding.n * share
    where = {"domain": (list(lines)[best],), **finding.where}
    return replace(
        finding, where=where, n=n, expected=expected, k=expected + finding.excess,
        during=finding.before + finding.change / share, low=finding.low / share,
        high=finding.high / share,
    )  # fmt: skip


def _opens(account: Account, where: Where, finding: Finding) -> tuple[float, float, float] | None:
    """Return by how much all opens of a place depart, how far they stray, and its mail."""
    stack = account.at(OPENS, where)
    if stack is None or not stack.n[:, finding.start : finding.stop].any():
        return None
    own = measure(stack, account.calendar, finding.start, finding.stop)
    expected, n = float(own.expected[0]), float(own.n[0])
    spread = np.sqrt(expected + (expected * (1 - expected / n)) ** 2 * float(own.doubt[0]))
    return float(own.k[0]) - expected, float(max(spread, 1.0)), n


def _place(account: Account, stack: Stack, own: Hunt, row: int, found: Sequence[Finding]) -> Where:
    metric, place = stack.metric, stack.places[row]
    days = own.inside[row]
    # The mean of some days strays less than each of them.
    stray = float(own.stray[row]) / max(int((days & (stack.n[row] > 0)).sum()), 1)
    if metric.bots:
        cubes = account.classes(metric, dict(place)["bot"])
        where = localise(Window(cubes, days, metric.worse, stray), place)
        return {**where, "bot": (dict(place)["bot"],)}
    known = [one.where for one in found if days[one.start : one.stop].any()]
    sign = metric.worse
    cheap = LIKELY.get(metric.name, {})
    return localise(Window(account.cubes(metric), days, sign, stray, known, cheap), place)


def _own_days(account: Account, stack: Stack, start: int, stop: int, since: int) -> Hunt:
    """Return the interval of a place itself, where it is that of the slice it was found in.

    It is where both are much alike, or where it lies in the slice's and holds nearly all of what
    the place has too much there: another incident may have made the slice's longer.
    """
    given = measure(stack, account.calendar, start, stop)
    found = hunt(stack, account.calendar, since, stack.metric.worse)
    first, last = int(found.start[0]), int(found.stop[0])
    common = max(min(last, stop) - max(first, start), 0)
    alike = common / max(max(last, stop) - min(first, start), 1) >= _LIKE
    held = (found.k - found.expected)[0] / ((given.k - given.expected)[0] or np.inf)
    inside = common == last - first and held >= _NEARLY_ALL
    return found if (alike or inside) and found.z[0] * stack.metric.worse > 0 else given


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
