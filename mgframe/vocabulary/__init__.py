"""One table of what is counted: events, counts, rates and keys.

Parsing, derived columns, rates, labels and :func:`mgframe.explain` all read these tables, so that a
name means one thing everywhere. Sources are short names of public pages:

- ``metric-definitions``, ``rate-definitions``, ``dimensions``: Mailgun's user manual.
- ``openapi``: Mailgun's OpenAPI document.
- ``mgframe``: a definition of our own, built from counts of the pages above.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mgframe.errors import QueryError, suggestion
from mgframe.vocabulary.basics import (
    DELIVERY_LAG_HOURS,
    ENGAGEMENT_LAG_HOURS,
    EVENTS,
    NO_KEY,
    OTHER_KEYS,
    RESOLUTIONS,
    RETENTION_DAYS,
    STATS_DEPRECATED,
    Resolution,
)
from mgframe.vocabulary.counts import ALL_COUNTS, BOUNCE_COUNTS, COUNTS, USAGE_COUNTS, Count
from mgframe.vocabulary.keys import (
    AGE_LEVELS,
    KEYS,
    NO_FEEDBACK_LOOP,
    OVERLAPPING_LEVELS,
    PROVIDER_LEVELS,
    READING_LEVELS,
    TIME_LEVELS,
    Key,
)
from mgframe.vocabulary.rates import DELIVERED_FBL, RATES, Rate

__all__ = [
    "AGE_LEVELS",
    "ALL_COUNTS",
    "BOUNCE_COUNTS",
    "COUNTS",
    "DELIVERED_FBL",
    "DELIVERY_LAG_HOURS",
    "ENGAGEMENT_LAG_HOURS",
    "EVENTS",
    "KEYS",
    "NO_FEEDBACK_LOOP",
    "NO_KEY",
    "OTHER_KEYS",
    "OVERLAPPING_LEVELS",
    "PROVIDER_LEVELS",
    "RATES",
    "READING_LEVELS",
    "RESOLUTIONS",
    "RETENTION_DAYS",
    "STATS_DEPRECATED",
    "TIME_LEVELS",
    "USAGE_COUNTS",
    "Count",
    "Key",
    "Rate",
    "Resolution",
    "count_name",
    "counts_of",
    "events_for",
    "in_order",
    "rate_name",
]


def count_name(name: str) -> str:
    """Return the column of a count given with or without ``_count``.

    Parameters
    ----------
    name : str
        ``"hard_bounces"`` or ``"hard_bounces_count"``.

    Returns
    -------
    str
        The column's name.

    Raises
    ------
    QueryError
        The name is no count; the nearest right one is suggested.
    """
    bare = str(name).removesuffix("_count")
    if bare not in ALL_COUNTS:
        raise QueryError(f"{name!r} is no count{suggestion(bare, ALL_COUNTS)}; see mg.explain()")
    return bare


def rate_name(name: str) -> str:
    """Return a rate's name for its name here or Mailgun's own (``delivered_rate``).

    Raises
    ------
    QueryError
        The name is no rate; the nearest right one is suggested.
    """
    if name in RATES:
        return name
    for rate in RATES.values():
        if rate.mailgun and rate.mailgun == name:
            return rate.name
    raise QueryError(f"{name!r} is no rate{suggestion(name, RATES)}; see mg.explain()")


def in_order(names: Iterable[str]) -> list[str]:
    """Return counts in the order of a frame's columns; names of the user's own come last."""
    place = {name: i for i, name in enumerate(ALL_COUNTS)}
    return sorted(names, key=lambda name: place.get(name, len(place)))


def counts_of(events: Sequence[str]) -> list[str]:
    """Return the reported counts that the given Stats events bring, derived ones left out."""
    return [c.name for c in COUNTS.values() if c.path and c.path[0] in events]


def events_for(counts: Iterable[str]) -> list[str]:
    """Return the Stats events to ask for so that the given counts can be had.

    Counts that the Stats API does not report add nothing.
    """
    wanted: set[str] = set()
    for name in counts:
        count = COUNTS.get(name)
        if count is None:
            continue
        parts = [part for _, part in count.terms] or [name]
        wanted |= {COUNTS[part].path[0] for part in parts if COUNTS[part].path}
    return [event for event in EVENTS if event in wanted]
