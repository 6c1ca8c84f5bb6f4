"""What else was looked at: the domain's other providers, the place's other rates; what moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from mgframe.analysis.cubes import Stack, Where
from mgframe.analysis.describing import Finding, describe
from mgframe.analysis.hunting import measure
from mgframe.analysis.metrics import METRICS, Metric
from mgframe.analysis.slices import Account
from mgframe.analysis.wording import rate_words, sibling_words, where_text

#: Beyond so many standard deviations what was looked at moved too.
MOVED: Final = 3.0
_COLUMNS: Final = (
    "n", "k", "expected", "before", "during", "change", "change_low", "change_high", "z",
)  # fmt: skip


def neighbours(
    account: Account, metric: Metric, where: Where, start: int, stop: int
) -> pd.DataFrame:
    """Return every key beside those of a place, level by level, on some days."""
    rows = []
    for level in where:
        for name, place in _beside(account, metric, where, level):
            numbers = _numbers(account, metric, place, start, stop)
            if numbers is not None:
                rows.append({"level": level, "key": name, "where": where_text(place), **numbers})
    return _table(rows, ("level", "key", "where"))


def place_for(metric: Metric, where: Where) -> Where:
    """Return a place as a rate knows it: what is no machine's has no class of machines."""
    return where if metric.bots else {one: where[one] for one in where if one != "bot"}


def companions(
    account: Account, metric: Metric, where: Where, start: int, stop: int
) -> pd.DataFrame:
    """Return every other rate that is looked at, at the same place on the same days."""
    rows = []
    for other in METRICS:
        known = other != metric and account.gives(other)
        place = place_for(other, where)
        numbers = _numbers(account, other, place, start, stop) if known else None
        if numbers is not None:
            rows.append({"metric": other.rate, "rate": rate_words(other), **numbers})
    return _table(rows, ("metric", "rate"))


def _numbers(
    account: Account, metric: Metric, where: Where, start: int, stop: int
) -> dict[str, Any] | None:
    """Return what a rate did at a place on some days, None where there was no mail."""
    stack = account.at(metric, where)
    if stack is None or not stack.n[:, start:stop].any():
        return None
    own = measure(stack, account.calendar, start, stop)
    one = describe(account, stack, own, 0, where)
    return {
        "n": one.n, "k": one.k, "expected": one.expected, "before": one.before,
        "during": one.during, "change": one.change, "change_low": one.low,
        "change_high": one.high, "z": one.z, "moved": abs(one.z) > MOVED,
    }  # fmt: skip


def _table(rows: Sequence[Mapping[str, Any]], texts: Sequence[str]) -> pd.DataFrame:
    types = {**dict.fromkeys(texts, "str"), **dict.fromkeys(_COLUMNS, "float64"), "moved": "bool"}
    return pd.DataFrame(
        {name: pd.Series([row[name] for row in rows], dtype=kind) for name, kind in types.items()}
    )


def _beside(account: Account, metric: Metric, where: Where, level: str) -> list[tuple[str, Where]]:
    names: dict[str, None] = {}
    for cube in account.cubes(metric):
        if level in cube.levels:
            names |= dict.fromkeys(cube.members[cube.levels.index(level)])
    return [(name, {**where, level: (name,)}) for name in names if name not in where[level]]


def quiet_words(account: Account, finding: Finding) -> list[str]:
    """Return which siblings stayed as they were, taken together, in the words of a sentence."""
    found = []
    for level in finding.where:
        others = tuple(name for name, _ in _beside(account, finding.metric, finding.where, level))
        if not others:
            continue
        stack = account.at(finding.metric, {**finding.where, level: others})
        if stack is not None and _is_quiet(account, stack, finding):
            found.append(sibling_words(finding.where, level))
    return found


def _is_quiet(account: Account, stack: Stack, finding: Finding) -> bool:
    if not stack.n[:, finding.start : finding.stop].any():
        return False
    own = measure(stack, account.calendar, finding.start, finding.stop)
    return bool(abs(own.z[0]) <= MOVED)
