"""Where an incident is exactly: the place of a slice that departed, and the place's own days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from mgframe.analysis.cubes import Stack, Where
from mgframe.analysis.describing import Finding, describe, matters
from mgframe.analysis.hunting import Hunt, hunt, measure
from mgframe.analysis.localising import Window, localise
from mgframe.analysis.machines import of_class
from mgframe.analysis.metrics import LIKELY, OPENS
from mgframe.analysis.slices import Account
from mgframe.vocabulary import PROVIDER_LEVELS

#: By how much more likely (as a logarithm) a surplus must be that of one domain than of all.
_TELLING: Final = 1.5
#: How much of what a slice has too much its place must hold.
_MOST_OF_IT: Final = 0.5
#: How much of both intervals must be common, for the place's own to be the better one.
_LIKE: Final = 0.3
_NEARLY_ALL: Final = 0.8


def located(
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


def _place(account: Account, stack: Stack, own: Hunt, row: int, found: Sequence[Finding]) -> Where:
    metric, place = stack.metric, stack.places[row]
    days = own.inside[row]
    # The mean of some days strays less than each of them.
    stray = float(own.stray[row]) / max(int((days & (stack.n[row] > 0)).sum()), 1)
    if metric.bots:
        cubes = of_class(account.cubes(metric), dict(place)["bot"])
        where = localise(Window(cubes, days, metric.worse, stray), place)
        return {**where, "bot": (dict(place)["bot"],)}
    known = [one.where for one in found if days[one.start : one.stop].any()]
    cheap = LIKELY.get(metric.name, {})
    window = Window(account.cubes(metric), days, metric.worse, stray, known, cheap)
    return localise(window, place)


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


# ---------------------------------------------------------------- machines, by domain


def at_domain(account: Account, finding: Finding) -> Finding:
    """Return what machines did at a provider as that of the one domain whose opens it explains.

    No table tells machines apart by domain, but all opens by domain and provider are known: had all
    of the surplus come to one domain, its opens would be higher by that number, and those of the
    others as usual. That is told where the opens are more likely so than with every domain having
    its part of the surplus by its mail. The domain is taken to have its part of the provider's mail
    and to have had the provider's rate before.
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
