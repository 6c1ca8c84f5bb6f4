"""Questions to the Metrics API: the members of a posted object, checked as the server does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import numpy as np

from mgframe.simulator.metric_names import Schema
from mgframe.simulator.windows import BadRequest, floored, parse_written, start_of, steps
from mgframe.vocabulary import RESOLUTIONS

COMPARATORS: Final = ("=", "!=", "contains", "not contains")

_MOST_DIMENSIONS: Final = 3
_MOST_METRICS: Final = 10
#: Rows of a page, by whether time is a dimension: unless asked, and at most.
_ROWS: Final = {True: (1500, 1500), False: (10, 1000)}
_UNITS: Final = {"h": "hour", "d": "day", "m": "month"}


class Predicate(NamedTuple):
    """One part of a filter; its values are alternatives."""

    attribute: str
    comparator: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Query:
    """A question that was let in.

    `first` and `last` are the first moments of the first and last bucket, in UTC; `metrics` are in
    the server's order; `sort` is as it was sent, `column` and `descending` what it means.
    """

    first: np.datetime64
    last: np.datetime64
    resolution: str
    duration: str
    dimensions: tuple[str, ...]
    metrics: tuple[str, ...]
    predicates: tuple[Predicate, ...]
    aggregates: bool
    sort: str
    column: str
    descending: bool
    skip: int
    limit: int

    @property
    def keys(self) -> tuple[str, ...]:
        """The dimensions beside time."""
        return tuple(name for name in self.dimensions if name != "time")

    @property
    def timed(self) -> bool:
        """Whether rows are told apart by time."""
        return "time" in self.dimensions


def parse_query(
    body: Mapping[str, Any], schema: Schema, now: datetime, *, strict: bool = False
) -> Query:
    """Return the question that a posted object asks.

    Raises
    ------
    BadRequest
        A member is not what the server takes. `strict` also refuses more than ten metrics.
    """
    resolution = _text(body, "resolution") or "day"
    if resolution not in RESOLUTIONS:
        raise BadRequest("'resolution' attribute is invalid, valid values: 'month', 'day', 'hour'")
    first, last = _edges(body, resolution, now)
    dimensions = _names(body, "dimensions", schema.dimensions, "dimension")
    if len(dimensions) > _MOST_DIMENSIONS:
        raise BadRequest(f"too many dimensions: at most {_MOST_DIMENSIONS} are allowed")
    asked = _names(body, "metrics", tuple(schema.metrics), "metric")
    if strict and len(asked) > _MOST_METRICS:
        raise BadRequest(f"too many metrics: at most {_MOST_METRICS} are allowed")
    pagination = _object(body, "pagination")
    sort = _text(pagination, "sort")
    column, descending = _sort(sort, (*dimensions, *asked))
    usual, most = _ROWS["time" in dimensions]
    return Query(
        first,
        last,
        resolution,
        _text(body, "duration"),
        dimensions,
        tuple(name for name in schema.metrics if name in asked),
        _predicates(_object(body, "filter"), schema),
        _flag(body, "include_aggregates"),
        sort,
        column,
        descending,
        _number(pagination, "skip"),
        _number(pagination, "limit", most) or usual,
    )


# ---------------------------------------------------------------- the window


_WEEK: Final = timedelta(days=7)
_EARLIEST: Final = datetime(1, 1, 1, tzinfo=UTC)
_FIRST_YEAR: Final = np.datetime64("0001-01-01", "s")


def _edges(
    body: Mapping[str, Any], resolution: str, now: datetime
) -> tuple[np.datetime64, np.datetime64]:
    start, end = _moment(body, "start"), _moment(body, "end") or now
    duration, last = _text(body, "duration"), floored(end, resolution)
    if duration:
        first = _before(last, duration, resolution)
    else:
        first = floored(start or max(end, _EARLIEST + _WEEK) - _WEEK, resolution)
    if first > last:
        raise BadRequest("'start' attribute is invalid: it is after 'end'")
    return first, last


def _before(last: np.datetime64, duration: str, resolution: str) -> np.datetime64:
    """Return the bucket that lies a duration before one, by the calendar.

    A month before the 31st is a day that may not exist: as in Go, it is then as many days later.
    """
    match = re.fullmatch(r"([0-9]{1,6})([hdm])", duration)
    if match is None or int(match[1]) == 0:
        raise BadRequest("'duration' attribute is invalid, valid units: 'h', 'd', 'm'")
    count, unit = int(match[1]), _UNITS[match[2]]
    moment = last.astype("datetime64[s]")
    if unit == "month":
        month = last.astype("datetime64[M]")
        earlier = (month - steps(count, unit)).astype("datetime64[s]") + (moment - month)
    else:
        earlier = moment - steps(count, unit)
    if earlier < _FIRST_YEAR:
        raise BadRequest("'duration' attribute is invalid: it is too long")
    return start_of(earlier, resolution)


def _moment(body: Mapping[str, Any], name: str) -> datetime | None:
    text = _text(body, name)
    if not text:
        return None
    moment = parse_written(text)
    if moment is None:
        raise BadRequest(f"'{name}' attribute is invalid, valid format: RFC 2822")
    return moment


# ---------------------------------------------------------------- members


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRequest(f"'{name}' attribute is invalid: it is no string")
    return value


def _object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name) or {}
    if not isinstance(value, dict):
        raise BadRequest(f"'{name}' attribute is invalid: it is no object")
    return value


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name) or False
    if not isinstance(value, bool):
        raise BadRequest(f"'{name}' attribute is invalid: it is no boolean")
    return value


def _number(body: Mapping[str, Any], name: str, most: int | None = None) -> int:
    value = body.get(name) or 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadRequest(f"'{name}' attribute is invalid: it is no number from 0 on")
    if most is not None and value > most:
        raise BadRequest(f"'{name}' attribute is invalid: at most {most} are allowed")
    return value


def _names(
    body: Mapping[str, Any], name: str, choices: tuple[str, ...], kind: str
) -> tuple[str, ...]:
    values = body.get(name) or []
    if not isinstance(values, list):
        raise BadRequest(f"'{name}' attribute is invalid: it is no list")
    for value in values:
        if value not in choices:
            raise BadRequest(f"'{value}' is not a valid {kind}")
    return tuple(dict.fromkeys(values))


def _sort(sort: str, columns: tuple[str, ...]) -> tuple[str, bool]:
    column, _, direction = sort.partition(":")
    if sort and (column not in columns or direction not in ("", "asc", "desc")):
        raise BadRequest("sort should be either one of metrics or dimensions")
    return column, direction == "desc"


def _predicates(group: Mapping[str, Any], schema: Schema) -> tuple[Predicate, ...]:
    parts = group.get("AND") or []
    if not isinstance(parts, list) or set(group) - {"AND"}:
        raise BadRequest("'filter' attribute is invalid: it is no list of predicates under AND")
    return tuple(_predicate(part, schema) for part in parts)


def _predicate(part: Any, schema: Schema) -> Predicate:
    if not isinstance(part, dict):
        raise BadRequest("'filter' attribute is invalid: a predicate is an object")
    attribute, comparator = part.get("attribute"), part.get("comparator")
    if attribute not in schema.attributes:
        raise BadRequest(f"'{attribute}' is not a valid filter predicate attribute")
    if comparator not in COMPARATORS:
        raise BadRequest(f"'{comparator}' is not a valid filter predicate comparator")
    values = part.get("values")
    if not isinstance(values, list) or not values:
        raise BadRequest(f"the filter predicate for '{attribute}' has no values")
    for value in values:
        if not isinstance(value, dict) or not isinstance(value.get("value"), str):
            raise BadRequest(f"the filter predicate for '{attribute}' has an invalid value")
    return Predicate(attribute, comparator, tuple(value["value"] for value in values))
