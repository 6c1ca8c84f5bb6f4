"""From slices that departed to findings: the strongest first, and what it explains taken away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mgframe.analysis.cubes import Stack
from mgframe.analysis.describing import Finding, matters
from mgframe.analysis.hunting import Hunt, hunt
from mgframe.analysis.metrics import LESS_TELLING, METRICS, STRICTER, Metric
from mgframe.analysis.placing import located
from mgframe.analysis.slices import Account
from mgframe.analysis.subtracting import without
from mgframe.analysis.tails import normal_p
from mgframe.dividing import Floats

#: How far an interval must lie from chance.
LIMIT: Final = 4.7
#: How many intervals there are to choose among, counted as if they were independent.
_CHOICES: Final = 700
#: How many incidents a family is searched for.
_MOST: Final = 4
#: A single day must depart by so much more, because wild days happen.
_ONE_DAY: Final = 0.3
#: Where an IP and another key hold the same mail, the other key is what people know.
_KNOWN: Final = {"ip": 0.93}
#: What days around it make up for to this share has come at another time.
_MADE_UP: Final = 0.5


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
    for _ in range(_MOST):
        hunts = [hunt(stack, account.calendar, since, stack.metric.worse) for stack in stacks]
        first = first or hunts
        best = _strongest(stacks, hunts, limit)
        if best is None:
            break
        which, row = best
        finding = located(account, stacks[which], hunts[which], row, limit, since, found)
        found.append(finding)
        stacks = [without(account, stack, finding) for stack in stacks]
    return found, first


def chance(z: Floats) -> Floats:
    """Return how probable it is that some interval of a quiet series departs so far."""
    return np.minimum(1.0, _CHOICES * normal_p(z))


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
