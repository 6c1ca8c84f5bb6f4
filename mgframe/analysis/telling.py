"""Dates, rates and messages as words that can be forwarded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from mgframe.vocabulary import PROVIDER_LEVELS, Rate

#: A start known no better than this is told as a span.
_VAGUE_DAYS: Final = 7

#: How a sentence names the keys of a level.
_WORDS: Final = {
    "account": "of",
    "domain": "of",
    "subaccount": "of subaccount",
    "ip": "from",
    "ip_pool": "from pool",
    "tag": "on tag",
}


def day_text(day: pd.Timestamp, *, year: bool = True) -> str:
    """Return a day, such as ``4 Nov 2026``."""
    return f"{day.day} {day:%b}" + (f" {day.year}" if year else "")


def days_text(first: pd.Timestamp, last: pd.Timestamp, *, year: bool = True) -> str:
    """Return a span of days, such as ``4-11 Nov 2026``; of a single day that day."""
    if first == last:
        return day_text(first, year=year)
    end = day_text(last, year=year)
    if first.year != last.year:
        return f"{day_text(first)}-{day_text(last)}"
    return f"{first.day}-{end}" if first.month == last.month else f"{first.day} {first:%b}-{end}"


def since_text(start: pd.Timestamp, low: pd.Timestamp, high: pd.Timestamp) -> str:
    """Return since when: ``since 12 May 2026 (90%: 11-13 May)``."""
    if (high - low) / pd.Timedelta(days=1) > _VAGUE_DAYS - 0.5:
        return f"since some time between {day_text(low, year=False)} and {day_text(high)}"
    text = f"since {day_text(start)}"
    return text if low == high else f"{text} (90%: {days_text(low, high, year=False)})"


def span_text(start: pd.Timestamp, end: pd.Timestamp, low: pd.Timestamp, high: pd.Timestamp) -> str:
    """Return from when to when: ``on 4-11 Nov 2026 (90%: from 3-4 Nov)``."""
    text = f"on {days_text(start, end)}"
    return text if low == high else f"{text} (90%: from {days_text(low, high, year=False)})"


def decimals_for(size: float) -> int:
    """Return how many decimals of a percentage show two digits of a fraction of that size."""
    points = abs(size) * 100
    return min(max(1 - math.floor(math.log10(points)), 1), 4) if points > 0 else 1


def place_text(levels: Sequence[str], row: Mapping[str, Any]) -> str:
    """Return whose rate it is: ``of news.example.com to Gmail``; empty for the whole account."""
    found = []
    for level in levels:
        word = "to" if level in PROVIDER_LEVELS else _WORDS.get(level, f"for {level}")
        if not (level == "account" and row[level] == "account"):
            found.append(f"{word} {row[level]}")
    return " ".join(found)


def change_sentence(rate: Rate, levels: Sequence[str], row: Mapping[str, Any]) -> str:
    """Return one change of a rate as a sentence; `row` is that of ``changepoints``."""
    digits = decimals_for(row["change"])
    before, during = (f"{row[name] * 100:.{digits}f}%" for name in ("before", "during"))
    low, high = (f"{row[name] * 100:+.{digits}f}" for name in ("change_low", "change_high"))
    verb = (
        ("has risen" if row["ongoing"] else "rose")
        if row["change"] > 0
        else ("has fallen" if row["ongoing"] else "fell")
    )
    dates = (row["start"], row["start_low"], row["start_high"])
    when = since_text(*dates) if row["ongoing"] else span_text(dates[0], row["end"], *dates[1:])
    size = f"{row['change'] * 100:+.{digits}f} points, 95% {low} to {high}"
    fared = "worse" if row["excess"] > 0 else "better"
    messages = f"{abs(row['excess']):,.0f} messages {fared} than expected"
    what = f"{rate.label.removesuffix(' (7-day)')} {place_text(levels, row)}".strip()
    return f"{what} {verb} from {before} to {during} {when} ({size}): {messages}."
