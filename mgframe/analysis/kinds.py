"""What kind of incident a finding is, which is a consequence of which, and changes of the mix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from mgframe.analysis.cubes import Cube, Stack, Where, both_ways
from mgframe.analysis.describing import Finding, describe
from mgframe.analysis.effects import EFFECTS
from mgframe.analysis.hunting import hunt, measure
from mgframe.analysis.metrics import (
    BOTS,
    CLICKS,
    COMPLAINT,
    DELIVERY,
    ENGAGEMENT,
    FAILURES,
    OPENS,
    Metric,
)
from mgframe.analysis.slices import Account
from mgframe.dividing import Floats
from mgframe.summing import Booleans
from mgframe.vocabulary import OVERLAPPING_LEVELS, PROVIDER_LEVELS

#: Opens and clicks fall alike where the logarithms of their ratios differ by less than this share,
#: or by chance.
_ALIKE: Final = 0.45
_CHANCE: Final = 2.0
_FALL: Final = -0.05
#: So much of two findings' days must be common for one to follow from the other.
_SAME_DAYS: Final = 0.5
#: How far another mix must lie from chance; of few days, which may be those of a large send,
#: further; and how far it must move a rate, as a share of the smallest effect that matters.
_MIX_LIMIT: Final = 3.4
_LEAST_DAYS: Final = 3
_FEW_DAYS: Final = 5
_FEW_DAYS_LIMIT: Final = 5.0
_MIX_EFFECT: Final = 0.75
#: Expected shares are as sure as those of so many times the mail.
_SURE: Final = 50.0
#: Cells that moved the rate by this part of what the first one did are as much to blame as it.
_NEARLY: Final = 0.5
#: The mail of a key is unusual beyond so many robust standard deviations of its logarithm; a share
#: smaller than this is nothing.
_UNUSUAL: Final = 3.2
_LEAST_SHARE: Final = 0.01
_LEAST_STRAY: Final = 0.2
_FROM_MAD: Final = 1.4826
#: Which family explains which: the first is told.
_CAUSES: Final = (DELIVERY, COMPLAINT, BOTS, ENGAGEMENT)


def with_kind(account: Account, finding: Finding) -> Finding:
    """Return the finding as ``bots`` or ``tracking`` where it is one."""
    if finding.kind == "mix":
        return finding
    if finding.metric.family == BOTS:
        return replace(finding, kind="bots")
    if finding.metric.family == ENGAGEMENT and _fell_alike(account, finding):
        return replace(finding, kind="tracking")
    return finding


def _fell_alike(account: Account, finding: Finding) -> bool:
    """Say whether opens and clicks fell by the same share, at no provider in particular.

    A provider that puts mail into the spam folder makes both fall too, but at that provider alone.
    """
    if set(PROVIDER_LEVELS).intersection(finding.where):
        return False
    falls, doubts = [], []
    for metric in (OPENS, CLICKS):
        stack = account.at(metric, finding.where) if account.gives(metric) else None
        if stack is None:
            return False
        own = measure(stack, account.calendar, finding.start, finding.stop)
        falls.append(float(np.log((own.k[0] + 0.5) / (own.expected[0] + 0.5))))
        doubts.append(float(own.doubt[0]))
    opens, clicks = falls
    apart = abs(opens - clicks)
    by_chance = apart <= _CHANCE * np.sqrt(sum(doubts))
    return max(falls) < _FALL and (apart <= _ALIKE * max(abs(opens), abs(clicks)) or by_chance)


# ---------------------------------------------------------------- consequences


def folded(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings with those that follow from another under it, best first."""
    kept: list[Finding] = []
    for finding in sorted(findings, key=lambda one: (-_weight(one), -one.score)):
        cause = next((i for i, other in enumerate(kept) if _follows(finding, other)), None)
        if cause is None:
            kept.append(finding)
        else:
            other = kept[cause]
            kept[cause] = replace(other, folded=(*other.folded, finding))
    return sorted(kept, key=lambda one: -one.score)


def _weight(finding: Finding) -> float:
    """Return what comes first as a cause: lost mail before another mix, a mix before its opens."""
    if finding.kind == "mix":
        return 0.5 - _CAUSES.index(ENGAGEMENT)
    family = finding.metric.family
    return -float(_CAUSES.index(family) if family in _CAUSES else len(_CAUSES))


def _follows(finding: Finding, other: Finding) -> bool:
    common = len(range(max(finding.start, other.start), min(finding.stop, other.stop)))
    shorter = min(len(finding.days), len(other.days))
    near = max(finding.start, other.start) <= min(finding.stop, other.stop) + 1
    if finding.metric.family == other.metric.family and finding.kind == other.kind:
        return near and _overlap(finding.where, other.where)
    if other.kind == "mix":
        # A rate of many kinds of mail moves with their mix, where the parts are not told apart.
        alike = common >= _SAME_DAYS * max(len(finding.days), len(other.days))
        engaged = finding.metric.family == ENGAGEMENT
        return engaged and alike and _overlap(finding.where, other.where)
    if finding.kind == "mix" or finding.start < other.start - 1:
        return False
    return common >= _SAME_DAYS * shorter and _lies_in(finding.where, other.where)


def _lies_in(one: Where, other: Where) -> bool:
    """Say whether a place lies in another one."""
    return all(level in one and set(one[level]) <= set(names) for level, names in other.items())


def _overlap(one: Where, other: Where) -> bool:
    """Say whether a message can be of both places, and one of them may lie in the other."""
    return all(
        set(names) & set(other[level])
        for level, names in one.items()
        if level in other and level not in OVERLAPPING_LEVELS
    )


# ---------------------------------------------------------------- the mix


def mixes(account: Account, since: int = 0) -> list[Finding]:
    """Return where the mix of mail changed so that a rate moves at the usual rates of its parts.

    The rate may rise or fall; what the parts themselves did is not looked at here.
    """
    found = []
    for metric in (OPENS, FAILURES):
        if not account.gives(metric):
            continue
        cubes = [cube for cube in both_ways(account.cubes(metric)) if cube.levels[0] == "domain"]
        cube = next((c for c in cubes if c.levels[1] == "tag"), next(iter(cubes), None))
        if cube is not None:
            finding = _mix(account, metric, cube, since)
            found += [finding] if finding is not None else []
    return found


def _mix(account: Account, metric: Metric, cube: Cube, since: int) -> Finding | None:
    """Return the change of the rate that the usual rates of the cells give for each day's mix."""
    whole = account.at(metric, {})
    if whole is None:
        return None
    mail = cube.n.sum(axis=(0, 1))
    share = np.divide(
        (cube.rates[:, :, None] * cube.n).sum(axis=(0, 1)), mail, out=np.zeros_like(mail),
        where=mail > 0,
    )  # fmt: skip
    # Shares are known far better than rates: what they stray by is no chance of counting.
    n = whole.n * _SURE
    stack = Stack(metric, ((),), n * share, n, np.zeros_like(n), np.zeros_like(n))
    own = hunt(stack, account.calendar, since)
    length = int(own.stop[0] - own.start[0])
    limit = _MIX_LIMIT if length >= _FEW_DAYS else _FEW_DAYS_LIMIT
    if length < _LEAST_DAYS or abs(own.z[0]) < limit:
        return None
    moved = abs(own.k[0] - own.expected[0]) / max(own.n[0], 1e-9)
    where = _driver(cube, own.inside[0], float(np.sign(own.z[0])))
    if moved < _MIX_EFFECT * EFFECTS[metric.rate].points or where is None:
        return None
    found = describe(account, stack, own, 0, where)
    sizes = {name: getattr(found, name) / _SURE for name in ("n", "k", "expected", "excess")}
    return replace(found, kind="mix", share=np.nan, **sizes)


def _driver(cube: Cube, days: Booleans, sign: float) -> Where | None:
    """Return the key whose unusual mail moved the rate most, None where no mail is unusual.

    What a key did is told by taking it away: how much less would the rate have moved, had there
    been as much mail of it as in other spans of as many days?
    """
    usual, far = _usual_mail(cube.n, days)
    mail = cube.n[:, :, days].sum(axis=2)
    events, messages, more = (cube.rates * mail).sum(), mail.sum(), mail - usual
    without = (events - cube.rates * more) / np.maximum(messages - more, 1e-9)
    effect = sign * (events / max(messages, 1e-9) - without)
    # Tags of the same messages move alike: the one whose mail is the most unusual is meant.
    far = np.where(effect >= _NEARLY * effect.max(), far, 0.0)
    a, b = np.unravel_index(int(far.argmax()), effect.shape)
    if far[a, b] < _UNUSUAL:
        return None
    found: Where = {cube.levels[0]: (cube.members[0][a],), cube.levels[1]: (cube.members[1][b],)}
    return (
        found if cube.levels[1] in OVERLAPPING_LEVELS else {cube.levels[0]: found[cube.levels[0]]}
    )


def _usual_mail(mail: Floats, days: Booleans) -> tuple[Floats, Floats]:
    """Return the mail of other spans of as many days, and how far that of these days is from it."""
    length = int(days.sum())
    sums = np.cumsum(np.pad(mail, ((0, 0), (0, 0), (1, 0))), axis=2)
    spans = sums[:, :, length:] - sums[:, :, :-length]
    start = int(days.argmax())
    apart = np.abs(np.arange(spans.shape[2]) - start) >= length
    least = _LEAST_SHARE * spans[:, :, start].sum()
    logs = np.log(spans + least)
    middle = np.median(logs[:, :, apart], axis=2)
    stray = np.median(np.abs(logs[:, :, apart] - middle[:, :, None]), axis=2) * _FROM_MAD
    far: Floats = np.abs(logs[:, :, start] - middle) / (stray + _LEAST_STRAY)
    return np.exp(middle) - least, far
