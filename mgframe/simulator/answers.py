"""The JSON of every answer: items, envelopes, grouped shapes, aggregates, listings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mgframe.simulator.account import Domain
from mgframe.simulator.audience import COUNTRIES, DEVICES, LISTED_RECIPIENTS
from mgframe.simulator.counters import COUNT_NAMES
from mgframe.simulator.model import Model, Tally
from mgframe.simulator.windows import BadRequest, Window
from mgframe.vocabulary import COUNTS, EVENTS

#: Where a grouped answer carries its key; public material leaves it open.
Shape = Literal["member", "type", "time", "envelopes", "map", "none"]
SHAPES: Final = get_args(Shape)

#: Years whose members an answer has.
Edition = Literal["2016", "2024", "2026"]
EDITIONS: Final = get_args(Edition)

Suffix = Literal["UTC", "GMT", "+0000"]
SUFFIXES: Final = get_args(Suffix)

#: Members that an edition does not have yet, by event.
_LACKS: Final[dict[str, set[tuple[str, ...]]]] = {
    "2026": set(),
    "2024": {("delivered", "optimized"), ("failed", "permanent", "optimized")},
    "2016": {
        ("delivered", "optimized"),
        ("failed", "permanent", "optimized"),
        ("failed", "permanent", "delayed-bounce"),
        ("failed", "permanent", "webhook"),
        ("failed", "temporary", "total"),
        ("opened", "unique"),
        ("clicked", "unique"),
    },
}

#: The members of each event in the order that the schema has them.
_MEMBERS: Final = (
    ("accepted", "incoming"),
    ("accepted", "outgoing"),
    ("accepted", "total"),
    ("delivered", "smtp"),
    ("delivered", "http"),
    ("delivered", "optimized"),
    ("delivered", "total"),
    ("failed", "temporary", "espblock"),
    ("failed", "temporary", "total"),
    ("failed", "permanent", "suppress-bounce"),
    ("failed", "permanent", "suppress-unsubscribe"),
    ("failed", "permanent", "suppress-complaint"),
    ("failed", "permanent", "bounce"),
    ("failed", "permanent", "delayed-bounce"),
    ("failed", "permanent", "webhook"),
    ("failed", "permanent", "optimized"),
    ("failed", "permanent", "total"),
    ("stored", "total"),
    ("opened", "total"),
    ("opened", "unique"),
    ("clicked", "total"),
    ("clicked", "unique"),
    ("unsubscribed", "total"),
    ("complained", "total"),
)
_COLUMN_AT: Final = {count.path: COUNT_NAMES.index(count.name) for count in COUNTS.values()}

_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# The clock's own names of months follow the user's language; Mailgun's do not.
_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)


def written(start: np.datetime64, suffix: str) -> str:
    """Return a moment as Mailgun writes it: ``Mon, 17 Feb 2025 00:00:00 UTC``."""
    moment: datetime = start.astype("datetime64[s]").item()
    day, month = _WEEKDAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02} {month} {moment.year:04} {moment:%H:%M:%S} {suffix}"


def parse_events(values: Sequence[str]) -> list[str]:
    """Return the events asked for; several come as repeated keys, a comma list is one bad name."""
    if not values:
        raise BadRequest("please provide at least one event: Missing mandatory parameter: event")
    for value in values:
        if value not in EVENTS:
            raise BadRequest(f"event '{value}' is not valid")
    return [event for event in EVENTS if event in values]


class Writer:
    """Writes counts as one edition of the API does."""

    def __init__(self, shape: Shape, edition: Edition, suffix: Suffix) -> None:
        for name, value, choices in (
            ("shape", shape, SHAPES),
            ("edition", edition, EDITIONS),
            ("suffix", suffix, SUFFIXES),
        ):
            if value not in choices:
                raise ValueError(f"{name}={value!r}: one of {', '.join(choices)}")
        self.shape, self.edition, self.suffix = shape, edition, suffix

    def moment(self, moment: np.datetime64) -> str:
        """Return a moment as this edition writes it."""
        return written(moment, self.suffix)

    def totals(self, window: Window, counts: NDArray[np.int64], events: Sequence[str]) -> Any:
        """Return the ordinary envelope of one series, buckets by counts."""
        return self._envelope(window, self._items(window, counts, events))

    def grouped(self, window: Window, tally: Tally, events: Sequence[str], group: str) -> Any:
        """Return a grouped answer in the shape that carries its keys."""
        series = [
            (key, self._items(window, counts, events))
            for (key,), counts in zip(tally.keys, tally.counts, strict=True)
        ]
        if self.shape == "envelopes":
            return [
                self._envelope(window, items, {"type": {"type": group, "key": key}})
                for key, items in series
            ]
        if self.shape == "map":
            return self._envelope(window, dict(series))
        if self.shape == "time":
            whole = tally.counts.sum(axis=1)
            return self._envelope(
                window,
                [
                    {"time": key, **self._events(row, events)}
                    for (key,), row in zip(tally.keys, whole.tolist(), strict=True)
                ],
            )
        rows = [
            {"time": item.pop("time"), **self._key(group, key), **item}
            for bucket in zip(*(items for _, items in series), strict=True)
            for (key, _), item in zip(series, bucket, strict=True)
        ]
        return self._envelope(window, rows)

    def _key(self, group: str, key: str) -> dict[str, Any]:
        if self.shape == "member":
            return {group: key}
        return {"type": {"type": group, "key": key}} if self.shape == "type" else {}

    def _items(
        self, window: Window, counts: NDArray[np.int64], events: Sequence[str]
    ) -> list[dict[str, Any]]:
        return [
            {"time": written(start, self.suffix), **self._events(row, events)}
            for start, row in zip(window.starts, counts.tolist(), strict=True)
        ]

    def _events(self, row: Sequence[int], events: Sequence[str]) -> dict[str, Any]:
        written_events: dict[str, Any] = {}
        for path in self._paths(events):
            value = row[_COLUMN_AT[path]]
            # Go leaves an optional number out where it is zero.
            if path[-1] == "unique" and value == 0:
                continue
            place = written_events
            for name in path[:-1]:
                place = place.setdefault(name, {})
            place[path[-1]] = value
        return written_events

    def _paths(self, events: Sequence[str]) -> Iterator[tuple[str, ...]]:
        lacks = _LACKS[self.edition]
        return (path for path in _MEMBERS if path[0] in events and path not in lacks)

    def _envelope(
        self, window: Window, stats: Any, more: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        described = {} if self.edition == "2016" else {"description": ""}
        return {
            **described,
            "start": written(window.starts[0], self.suffix),
            "end": written(window.starts[-1], self.suffix),
            "resolution": window.resolution,
            **(more or {}),
            "stats": stats,
        }


_ENGAGEMENT: Final = (
    "clicked",
    "complained",
    "opened",
    "unique_clicked",
    "unique_opened",
    "unsubscribed",
)
_AGGREGATES: Final = {
    "providers": ("provider", LISTED_RECIPIENTS, ("accepted", "delivered", *_ENGAGEMENT)),
    "devices": ("device", DEVICES, _ENGAGEMENT),
    "countries": ("country", COUNTRIES, _ENGAGEMENT),
}
AGGREGATES: Final = tuple(_AGGREGATES)


def aggregates(model: Model, domain: Domain, kind: str, *, singular: bool) -> Any:
    """Return a domain's lifetime counters by provider, device or country, every key listed."""
    dimension = _AGGREGATES[kind][0]
    listed = counters_by_key(model.lifetime_tally(domain, dimension), kind)
    return {dimension if singular else kind: listed}


def counters_by_key(tally: Tally, kind: str) -> dict[str, dict[str, int]]:
    """Return the counters of a tally by provider, device or country.

    Every known key is listed, and every other one that occurs.
    """
    _, keys, counters = _AGGREGATES[kind]
    counted = {key: row for (key,), row in zip(tally.keys, tally.counts.sum(axis=1), strict=True)}
    none = np.zeros(len(COUNT_NAMES), np.int64)
    return {
        key: {name: int(counted.get(key, none)[COUNT_NAMES.index(name)]) for name in counters}
        for key in sorted({*keys, *counted})
    }


def domain_item(model: Model, domain: Domain) -> dict[str, Any]:
    """Return a domain as the directory lists it."""
    created = model.created_at(domain)
    return {
        "created_at": format_datetime(created, usegmt=True),
        "id": f"{int(created.timestamp()):08x}{model.seed % 2**32:08x}{domain.index:08x}",
        "is_disabled": False,
        "name": domain.name,
        "require_tls": False,
        "skip_verification": False,
        "smtp_login": f"postmaster@{domain.name}",
        "spam_action": "disabled",
        "state": domain.state,
        "type": domain.kind,
        "use_automatic_sender_security": False,
        "web_prefix": "email",
        "web_scheme": "https",
        "wildcard": False,
    }
