"""Findings as sentences to forward: what, where, when, how much, and what did not move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from mgframe.analysis.cubes import Where
from mgframe.analysis.describing import Finding
from mgframe.analysis.metrics import Metric
from mgframe.analysis.telling import decimals_for
from mgframe.vocabulary import PROVIDER_LEVELS

#: The subject of a sentence by rate, and how its messages are counted.
_SUBJECTS: Final = {
    "delivery_rate": ("Delivery rate", "fewer messages delivered"),
    "block_rate": ("Block rate", "more messages refused as spam or by policy"),
    "hard_bounce_rate": ("Hard bounce rate", "more hard bounces"),
    "deferral_rate": ("Deferral rate", "more messages put off at the first attempt"),
    "complaint_rate": ("Complaint rate", "more complaints"),
    "unsubscribe_rate": ("Unsubscribe rate", "more unsubscribes"),
    "open_rate": ("Unique open rate", "fewer opens"),
    "click_rate": ("Unique click rate", "fewer clicks"),
}
#: How a sentence puts the names of a level behind the mail.
_LINKS: Final = {
    **dict.fromkeys(PROVIDER_LEVELS, "to"), "domain": "from", "tag": "with tag", "ip": "sent from",
}  # fmt: skip

_NEXT: Final = {
    "delivery_rate": "Read the servers' answers: {failures}.",
    "block_rate": "Read the refusals: {failures}. Then look at the provider's postmaster page, at "
    "blocklists, and at what was sent from the first day on.",
    "hard_bounce_rate": "Ask which list or import was mailed first on that day; stop it, and "
    "verify its addresses before the next send.",
    "deferral_rate": "Read the temporary answers: {failures}. Send slower, and watch whether "
    "bounces follow.",
    "complaint_rate": "Ask what was sent, to whom, and how they signed up; pause it until that is "
    "known.",
    "unsubscribe_rate": "Ask what was sent more often, or to whom for the first time.",
    "open_rate": "See whether clicks and complaints moved too: mail in the spam folder is opened "
    "less; test where it lands at this place.",
    "click_rate": "Try the links of these days' mail, and see whether opens moved too.",
}
_NEXT_BY_KIND: Final = {
    "tracking": "Check the tracking domain's CNAME and certificate, and whether open and click "
    "tracking are switched on; people may well have read the mail. If all of that is right, they "
    "read less: see who is mailed how often.",
    "bots": "Judge these days by people alone: fetch by='bot' and take df.mg.where(bot='None'). "
    "Nothing has to be repaired.",
    "mix": "Nothing got worse in any part. Compare at equal mix: mg.compare(..., standardise=) or "
    "mg.attribute().",
}
_LEVEL_WORDS: Final = {"domain": "domains", "tag": "tags", "ip": "IPs", "bot": "bot classes"}
#: What mg.failures() can be narrowed to, beside the domain.
_FILTERS: Final = ("recipient_provider", "tag", "ip", "subaccount")
#: Which failures tell most; of lost mail both do, for what is put off too long is given up.
_SEVERITIES: Final = {"block_rate": "permanent", "deferral_rate": "temporary"}


def rate_words(metric: Metric) -> str:
    """Return what a sentence calls a rate that is looked at."""
    if metric.bots:
        return f"{'Opens' if metric.rate == 'open_rate' else 'Clicks'} by machines"
    return _SUBJECTS[metric.rate][0]


def where_text(where: Where) -> str:
    """Return a place as text, ``domain=a.com & recipient_provider=Gmail``."""
    if not where:
        return "whole account"
    return " & ".join(f"{level}={'|'.join(names)}" for level, names in where.items())


def next_check(finding: Finding, times: pd.DatetimeIndex) -> str:
    """Return what to look at first; a call that reads the log is written out, ready to be run."""
    text = _NEXT_BY_KIND.get(finding.kind, _NEXT[finding.metric.rate])
    return text.replace("{failures}", _failures_call(finding, times))


def _failures_call(finding: Finding, times: pd.DatetimeIndex) -> str:
    domains = finding.where.get("domain", ())
    where: dict[str, str | list[str]] = {
        level: _value(finding.where[level]) for level in _FILTERS if level in finding.where
    }
    if severity := _SEVERITIES.get(finding.metric.rate):
        where["severity"] = severity
    days = {"start": times[finding.start], "end": times[finding.stop - 1]}
    arguments = [
        *([repr(_value(domains))] if domains else []),
        *([f"where={where!r}"] if where else []),
        *(f"{name}='{day:%Y-%m-%d}'" for name, day in days.items()),
    ]
    return f"mg.failures({', '.join(arguments)})"


def _value(names: Sequence[str]) -> str | list[str]:
    return names[0] if len(names) == 1 else list(names)


def sentence(finding: Finding, times: pd.DatetimeIndex, quiet: Sequence[str]) -> str:
    """Return a finding in words; `quiet` names the siblings that did not move."""
    if finding.kind == "mix":
        return f"{_of_mix(finding, times)}."
    text = (
        f"{_head(finding)} {_moved(finding)} {_when(finding, times)} ({_size(finding, times)}), "
        f"{_count(finding)}"
    )
    parts = [text, *_quiet(quiet)]
    also = sorted({one.metric.rate for one in finding.folded} - {finding.metric.rate})
    if also:
        parts.append(f"{' and '.join(also).replace('_', ' ')} moved with it")
    return "; ".join(parts) + "."


def with_cause(told: str, cause: str) -> str:
    """Return a sentence that also names the leading failure; what the codes mean is left out."""
    return f"{told} Most failures there: {cause.partition(': ')[0]}." if cause else told


def _head(finding: Finding) -> str:
    if finding.kind == "tracking":
        are, rate = ("are" if finding.ongoing else "were"), finding.metric.rate.split("_")[0]
        return f"Opens and clicks {_mail(finding.where)} {are} counted less: the unique {rate} rate"
    return f"{_subject(finding.metric)}{_classes(finding.where)} {_mail(finding.where)}"


def _classes(where: Where) -> str:
    """Return of which machines opens or clicks are."""
    return f" (bot class {_listed(where['bot'])})" if "bot" in where else ""


def _subject(metric: Metric) -> str:
    words = rate_words(metric)
    return words if metric.bots else f"The {words[0].lower()}{words[1:]}"


def _of_mix(finding: Finding, times: pd.DatetimeIndex) -> str:
    part = _mail(finding.where).removeprefix("of ")
    return (
        f"{_subject(finding.metric)} of the whole account {_moved(finding)} "
        f"{_when(finding, times)} ({_points(finding.change, finding.change)} points), because the "
        f"mix of mail changed: {part} makes up another share of it; both rates are what the usual "
        "ones of all parts give"
    )


def _mail(where: Where) -> str:
    """Return of which mail: ``of mail to Gmail from news.example.com``."""
    levels = sorted(set(where) - {"bot"}, key=lambda one: (one not in PROVIDER_LEVELS, one))
    words = [f"{_LINKS.get(level, f'of {level}')} {_listed(where[level])}" for level in levels]
    return " ".join(["of mail", *words]) if words else "of the whole account"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _moved(finding: Finding) -> str:
    has = "have" if finding.kind == "bots" else "has"
    risen = finding.change > 0
    verb = (f"{has} risen", "rose") if risen else (f"{has} fallen", "fell")
    sides = (_percent(rate, finding.change) for rate in (finding.before, finding.during))
    before, during = sides
    deliveries = " of deliveries" if finding.kind == "bots" else ""
    return f"{verb[0 if finding.ongoing else 1]} from {before} to {during}{deliveries}"


def _percent(rate: float, change: float) -> str:
    return f"{100 * rate:.{decimals_for(change)}f} %"


def _points(value: float, change: float) -> str:
    return f"{100 * value:+.{decimals_for(change)}f}"


def _size(finding: Finding, times: pd.DatetimeIndex) -> str:
    points = [_points(side, finding.change) for side in (finding.change, finding.low, finding.high)]
    text = f"{points[0]} points, 95 % interval {points[1]} to {points[2]}"
    low, high = times[finding.lowest], times[finding.highest]
    began = f"; 90 % sure that it began {_days(low, high, year=False)}"
    return text if low == high else f"{text}{began}"


def _count(finding: Finding) -> str:
    words = _SUBJECTS[finding.metric.rate][1]
    if finding.kind == "bots":
        words = "more of them"
    elif finding.kind == "tracking":
        words = f"{words} counted"
    return f"{finding.excess:,.0f} {words} than expected"


def _when(finding: Finding, times: pd.DatetimeIndex) -> str:
    first, last = times[finding.start], times[finding.stop - 1]
    return f"since {_days(first, first)}" if finding.ongoing else f"on {_days(first, last)}"


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
    word = {"ip": "the IP", "bot": "the bot class"}.get(owner, f"the {owner}")
    return f"{word}'s other {plural}" if plural != "domains" else f"{word} on other domains"
