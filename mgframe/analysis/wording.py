"""Findings as sentences to forward: what, where, when, how much, and what did not move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from mgframe.analysis.collecting import Finding
from mgframe.analysis.localising import Where
from mgframe.analysis.telling import decimals_for
from mgframe.vocabulary import PROVIDER_LEVELS

#: The subject of a sentence by rate, and how its messages are counted.
_SUBJECTS: Final = {
    "delivery_rate": ("Delivery", "fewer delivered"),
    "block_rate": ("Mail refused as spam or by policy", "more refused"),
    "hard_bounce_rate": ("Hard bounces", "more bounced"),
    "deferral_rate": ("First attempts put off", "more put off"),
    "complaint_rate": ("Complaints", "more complaints"),
    "unsubscribe_rate": ("Unsubscribes", "more unsubscribed"),
    "open_rate": ("Unique opens", "fewer opens"),
    "click_rate": ("Unique clicks", "fewer clicks"),
}
_SINGULAR: Final = frozenset({"delivery_rate", "block_rate"})
_ENGAGED: Final = frozenset({"complaint_rate", "unsubscribe_rate", "open_rate", "click_rate"})

_NEXT: Final = {
    "delivery_rate": "Read the servers' answers: mg.failures(domain, where=...) of these days.",
    "block_rate": "Read the refusals with mg.failures(domain, where=...), then look at the "
    "provider's postmaster page, blocklists and what was sent from the first day on.",
    "hard_bounce_rate": "Ask which list or import was mailed first on that day; stop it, and "
    "verify its addresses before the next send.",
    "deferral_rate": "Read the temporary answers with mg.failures(domain, severity='temporary'); "
    "send slower, and see whether bounces follow.",
    "complaint_rate": "Ask what was sent, to whom and how they signed up; pause it until then.",
    "unsubscribe_rate": "Ask what was sent more often, or to whom for the first time.",
    "open_rate": "See whether clicks and complaints moved too: mail in the spam folder is opened "
    "less; test where it lands at this place.",
    "click_rate": "Try the links of these days' mail, and see whether opens moved too.",
}
_NEXT_BY_KIND: Final = {
    "tracking": "Check the tracking domain's CNAME and certificate, and whether open and click "
    "tracking are switched on; people may well have read the mail.",
    "bots": "Judge these days by clicks of people: df.mg.where(bot='None'); nothing has to be "
    "repaired.",
    "mix": "Nothing got worse in any part. Compare at equal mix: mg.compare(..., standardise=) or "
    "mg.attribute().",
}
_LEVEL_WORDS: Final = {"domain": "domains", "tag": "tags", "ip": "IPs"}


def where_text(where: Where) -> str:
    """Return a place as text, ``domain=a.com & recipient_provider=Gmail``."""
    if not where:
        return "whole account"
    return " & ".join(f"{level}={'|'.join(names)}" for level, names in where.items())


def next_check(finding: Finding) -> str:
    """Return what to look at first."""
    return _NEXT_BY_KIND.get(finding.kind, _NEXT[finding.metric.rate])


def sentence(finding: Finding, times: pd.DatetimeIndex, quiet: Sequence[str], cause: str) -> str:
    """Return a finding in words; `quiet` names the siblings that did not move."""
    if finding.kind == "tracking":
        head = f"Opens and clicks {_place(finding, delivery=False)}".strip()
    else:
        subject = _SUBJECTS[finding.metric.rate][0]
        if finding.kind == "bots":
            subject = "Opens" if finding.metric.rate == "open_rate" else "Clicks"
            subject += " by machines"
        delivery = finding.metric.rate not in _ENGAGED
        head = f"{subject} {_place(finding, delivery=delivery)}".strip()
    text = f"{head} {_moved(finding)} {_when(finding, times)} ({_size(finding)}), {_count(finding)}"
    if finding.kind == "mix":
        text = _of_mix(finding, times)
    parts = [text, *(_quiet(quiet) if finding.kind != "mix" else [])]
    also = sorted({one.metric.rate for one in finding.folded} - {finding.metric.rate})
    if also:
        parts.append(f"{' and '.join(also).replace('_', ' ')} moved with it")
    told = "; ".join(parts) + "."
    return f"{told} Most failures there: {cause}." if cause else told


def _of_mix(finding: Finding, times: pd.DatetimeIndex) -> str:
    rate = _SUBJECTS[finding.metric.rate][0]
    return (
        f"{rate} of the whole account {_moved(finding)} {_when(finding, times)} "
        f"({_points(finding.change, finding.change)} points), because the mix of mail changed: "
        f"{where_text(finding.where)} has another share of it; no part's own rate explains it"
    )


def _place(finding: Finding, *, delivery: bool) -> str:
    """Return where: ``to Gmail from news.example.com``."""
    where = finding.where
    if not where:
        return "of the whole account"
    words = []
    for level in sorted(where, key=lambda one: one not in PROVIDER_LEVELS):
        names = _listed(where[level])
        if level in PROVIDER_LEVELS:
            words.append(f"{'to' if delivery else 'at'} {names}")
        elif level == "domain":
            words.append(f"{'from' if delivery else 'of'} {names}")
        elif level == "tag":
            words.append(f"on tag {names}")
        elif level == "ip":
            words.append(f"sent from {names}")
        else:
            words.append(f"of {level} {names}")
    return " ".join(words)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _moved(finding: Finding) -> str:
    has = "has" if finding.metric.rate in _SINGULAR and finding.kind == "rate" else "have"
    risen = finding.change > 0
    verb = (f"{has} risen", "rose") if risen else (f"{has} fallen", "fell")
    sides = (_percent(rate, finding.change) for rate in (finding.before, finding.during))
    before, during = sides
    return f"{verb[0 if finding.ongoing else 1]} from {before} to {during}"


def _percent(rate: float, change: float) -> str:
    return f"{100 * rate:.{decimals_for(change)}f} %"


def _points(value: float, change: float) -> str:
    return f"{100 * value:+.{decimals_for(change)}f}"


def _size(finding: Finding) -> str:
    points = [_points(side, finding.change) for side in (finding.change, finding.low, finding.high)]
    return f"{points[0]} points, 95 % {points[1]} to {points[2]}"


def _count(finding: Finding) -> str:
    words = _SUBJECTS[finding.metric.rate][1]
    if finding.kind == "bots":
        words = "more of them"
    elif finding.kind == "tracking":
        words = f"fewer {'opens' if finding.metric.rate == 'open_rate' else 'clicks'} counted"
    return f"{finding.excess:,.0f} {words} than expected"


def _when(finding: Finding, times: pd.DatetimeIndex) -> str:
    first, last = times[finding.start], times[finding.stop - 1]
    low, high = times[finding.lowest], times[finding.highest]
    sure = "" if low == high else f" (90 %: from {_days(low, high, year=False)})"
    if finding.ongoing:
        return f"since {_days(first, first)}{sure}"
    return f"on {_days(first, last)}{sure}"


def _days(first: pd.Timestamp, last: pd.Timestamp, *, year: bool = True) -> str:
    end = f"{last.day} {last:%B}" + (f" {last.year}" if year else "")
    if first == last:
        return end
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}-{end}"
    start = f"{first.day} {first:%B}" + (f" {first.year}" if first.year != last.year else "")
    return f"{start} to {end}"


def _quiet(quiet: Sequence[str]) -> list[str]:
    return [f"{' and '.join(quiet)} did not move"] if quiet else []


def sibling_words(where: Where, level: str) -> str:
    """Return how a sentence names the others of a level: ``the domain's other providers``."""
    plural = "providers" if level in PROVIDER_LEVELS else _LEVEL_WORDS.get(level, f"{level}s")
    owners = [(one, names) for one, names in where.items() if one != level]
    if not owners:
        return f"other {plural}"
    owner, names = owners[0]
    if owner in PROVIDER_LEVELS:
        return (
            f"{_listed(names)}'s other {plural}"
            if plural != "domains"
            else (f"{_listed(names)} for other domains")
        )
    word = {"domain": "the domain", "tag": "the tag", "ip": "the IP"}.get(owner, f"the {owner}")
    return f"{word}'s other {plural}" if plural != "domains" else f"{word} on other domains"
