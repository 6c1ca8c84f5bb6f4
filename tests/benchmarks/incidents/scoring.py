"""How findings are judged against what was planted.

- *Matching*: the family of rates is one that the incident moves, the days overlap, and the places
  share at least 5 % of the mail that either covers (Jaccard, weighted by messages).
- *Exact*: they share at least 90 %.
- *False*: not matching, and no overlap with any incident in time and place.
- *Recall at top 3*: detectable incidents that one of the first three findings matches; the best
  placed of them is judged for place, onset, kind and size. What is beyond the third is read only
  for false findings on quiet accounts.
- *Precision*: matching of matching and false findings, among the first three of every account.
- *Soon*: matched by one of the first three when nothing after the third day was known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .accounts import KINDS, Account, Truth, inside, read_keys

Method = Callable[[Sequence[pd.DataFrame]], pd.DataFrame]

TOP: Final = 3
MATCHING: Final = 0.05
EXACT: Final = 0.9
ONSET_DAYS: Final = 1
AFFECTED: Final = 0.2
SOON: Final = 3

_DELIVERY: Final = (
    "delivery_rate",
    "bounce_rate",
    "hard_bounce_rate",
    "soft_bounce_rate",
    "block_rate",
    "expired_rate",
    "permanent_failure_rate",
    "suppression_rate",
    "deferral_rate",
    "delay_rate",
    "temporary_failures_per_message",
)
FAMILIES: Final = {
    **dict.fromkeys(_DELIVERY, "delivery"),
    "complaint_rate": "complaint",
    "unsubscribe_rate": "unsubscribe",
    "open_rate": "engagement",
    "click_rate": "engagement",
    "total_open_rate": "engagement",
    "total_click_rate": "engagement",
    "click_to_open_rate": "engagement",
}
_EVENTS: Final = {
    **dict.fromkeys(_DELIVERY, "failure"),
    "deferral_rate": "deferral",
    "delay_rate": "deferral",
    "temporary_failures_per_message": "attempt",
    "complaint_rate": "complaint",
    "unsubscribe_rate": "unsubscribe",
    "open_rate": "open",
    "click_rate": "click",
}


def jaccard(one: NDArray[np.bool_], other: NDArray[np.bool_], weight: NDArray[np.integer]) -> float:
    """Return which share of the mail in either place is in both."""
    either = weight[one | other].sum()
    return float(weight[one & other].sum() / either) if either else 0.0


def same_place(account: Account, finding: pd.Series, truth: Truth) -> float:
    """Return the Jaccard similarity of a finding's place and an incident's."""
    heard = truth.kind != "complaints"
    weight = np.where(account.audible | heard, account.volume, 0)
    there = inside(account.leaves, read_keys(finding["keys"]))
    return jaccard(there, inside(account.leaves, truth.where), weight)


def overlapping(account: Account, finding: pd.Series, truth: Truth) -> bool:
    """Say whether the days of a finding and of an incident overlap."""
    start, end = account.day(finding["start"]), account.day(finding["end"])
    return start <= truth.end and end >= truth.start


def there_and_then(account: Account, finding: pd.Series, truth: Truth) -> bool:
    """Say whether a finding overlaps an incident in time and place."""
    return overlapping(account, finding, truth) and same_place(account, finding, truth) >= MATCHING


def matching(account: Account, finding: pd.Series, truth: Truth) -> bool:
    """Say whether a finding is about an incident."""
    moved = FAMILIES.get(finding["metric"]) in KINDS[truth.kind][1]
    return moved and there_and_then(account, finding, truth)


def false(account: Account, finding: pd.Series) -> bool:
    """Say whether a finding has nothing to do with anything that was planted."""
    return not any(there_and_then(account, finding, truth) for truth in account.truths)


def judge(account: Account, findings: pd.DataFrame) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return a row for each incident, and a row for the account."""
    top = [row for _, row in findings.head(TOP).iterrows()]
    rows = [_judged(account, truth, top) for truth in account.truths]
    matched = [any(matching(account, row, truth) for truth in account.truths) for row in top]
    wrong = [false(account, row) for _, row in findings.iterrows()]
    return rows, {
        **_whose(account),
        "quiet": not account.truths,
        "findings": len(findings),
        "false": sum(wrong),
        "matching_top": sum(matched),
        "false_top": sum(wrong[:TOP]),
    }


def _whose(account: Account) -> dict[str, Any]:
    return {"seed": account.seed, "generator": account.generator, "account": account.kind}


def _judged(account: Account, truth: Truth, top: Sequence[pd.Series]) -> dict[str, Any]:
    found = next((row for row in top if matching(account, row, truth)), None)
    row = {
        **_whose(account),
        "kind": truth.kind,
        "detectable": truth.detectable,
        "events": truth.events,
        "found": found is not None,
    }
    if found is None:
        return row
    events = truth.extra.get(_EVENTS.get(found["metric"], ""), 0.0)
    return {
        **row,
        "exact": same_place(account, found, truth) >= EXACT,
        "onset": abs(account.day(found["start"]) - truth.start) <= ONSET_DAYS,
        "right_kind": found["kind"] == KINDS[truth.kind][0],
        "affected": None
        if truth.kind == "mix"
        else abs(abs(found["excess"]) - events) <= AFFECTED * events,
        "metric": found["metric"],
    }


def run(
    account: Account, method: Method, *, days: Sequence[int] = (SOON,)
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the judgement of a method on an account, also of what it finds within some days."""
    frames = account.frames()
    begin = perf_counter()
    findings = method(frames)
    seconds = perf_counter() - begin
    rows, whole = judge(account, findings)
    for truth, row in zip(account.truths, rows, strict=True):
        for day in days if truth.detectable else ():
            row[f"within_{day}"] = _found_by(account, method, truth, truth.start + day)
    return rows, {**whole, "seconds": seconds}


def _found_by(account: Account, method: Method, truth: Truth, until: int) -> bool:
    early = method(account.frames(min(until, account.days))).head(TOP)
    return any(matching(account, row, truth) for _, row in early.iterrows())
