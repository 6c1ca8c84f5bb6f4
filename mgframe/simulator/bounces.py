"""Bounce classification of a simulated account: the model's failures, sorted as Mailgun sorts them.

A failure that a server spoke is classified: a block is critical, permanent (a bounce) or temporary
(a delay); every other one is not. Suppressed mail was never attempted and failed callbacks are no
mail, so neither is classified. In public counts, for any keys of the mail itself::

    critical_bounce      permanent_failed_esp_block
    non_critical_bounce  bounced - webhook - permanent_failed_esp_block
    critical_delay       temporary_failed_esp_block
    non_critical_delay   temporary_failed - temporary_failed_esp_block
    classified_failures  their sum
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import numpy as np

from mgframe.simulator.answers import written
from mgframe.simulator.model import Condition, Model, Tally
from mgframe.simulator.tags import PRIMARY_ID, account_name
from mgframe.simulator.windows import BadRequest, Window, parse_moment, parse_window
from mgframe.vocabulary import NO_KEY


class Class(NamedTuple):
    """A class of failures: what its dimensions say, and the public counts that it adds up."""

    severity: str
    criticality: str
    category: str
    group: str
    sample: str
    explanation: str
    counts: tuple[tuple[int, str], ...]


# fmt: off
#: Disjoint; together they are every failure that a server spoke.
CLASSES: Final = (
    Class("permanent", "critical", "espblock", "b10c4a01",
          "550 5.7.1 our system has detected that this message is likely unsolicited mail",
          "The mailbox provider blocks the sender for its reputation.",
          ((1, "permanent_failed_esp_block"),)),
    Class("permanent", "non-critical", "bounce", "b0c4ce02",
          "550 5.1.1 <someone@example.com>: user unknown",
          "The address does not exist.",
          ((1, "hard_bounces"),)),
    Class("permanent", "non-critical", "generic", "9e4e7c03",
          "552 5.2.2 <someone@example.com> mailbox is full",
          "The mailbox is full.",
          ((1, "soft_bounces"), (-1, "permanent_failed_esp_block"))),
    Class("permanent", "non-critical", "old", "01d00004",
          "Too old: the server put the message off until the retries were used up",
          "The retries were used up.",
          ((1, "permanent_failed_old"),)),
    Class("permanent", "non-critical", "delayed-bounce", "de1a7e05",
          "Delivery to someone@example.com failed after it was accepted",
          "The server bounced a message that it had accepted.",
          ((1, "delayed_bounce"),)),
    Class("temporary", "critical", "espblock", "b10c4a06",
          "421 4.7.0 unusual rate of mail from your address",
          "The mailbox provider slows the sender down for its reputation.",
          ((1, "temporary_failed_esp_block"),)),
    Class("temporary", "non-critical", "generic", "9e4e7c07",
          "451 4.3.2 please try again later",
          "The server was busy.",
          ((1, "temporary_failed"), (-1, "temporary_failed_esp_block"))),
)
# fmt: on

#: Dimensions of the mail itself, by what the model calls them.
_MAIL: Final = {
    "entity-name": "recipient_provider",
    "domain.name": "domain",
    "envelope.sending-ip": "ip",
    "account.name": "subaccount",
    "envelope.i-ip-pool-name": "ip_pool",
    "tag": "tag",
    "recipient-domain": "recipient_domain",
}
#: Dimensions of a failure, by the member of its class.
_FAILURE: Final = {
    "group-id": "group",
    "criticality": "criticality",
    "severity": "severity",
    "category": "category",
}
_TIME: Final = "timestamp"
DIMENSIONS: Final = (*_MAIL, *_FAILURE, _TIME)

_COUNTED: Final = ("critical_bounce", "non_critical_bounce", "critical_delay", "non_critical_delay")
_COUNT_OF: Final = {
    ("permanent", "critical"): 0,
    ("permanent", "non-critical"): 1,
    ("temporary", "critical"): 2,
    ("temporary", "non-critical"): 3,
}
METRICS: Final = (
    *(f"{name}_count" for name in _COUNTED),
    "classified_failures_count",
    "delivered_smtp_count",
    *(f"{name}_rate" for name in _COUNTED),
)

_MOST_DIMENSIONS: Final = 4
_MOST_ROWS: Final = 50
_KEPT_DAYS: Final = 30
_COMPARATORS: Final = ("=", "!=", "contains", "not contains")


@dataclass(frozen=True)
class _Asked:
    """A question that was let in."""

    window: Window
    dimensions: tuple[str, ...]
    metrics: tuple[str, ...]
    conditions: tuple[Condition, ...]
    classes: tuple[Class, ...]

    @property
    def of_failures(self) -> bool:
        """Whether it is about single classes, so that deliveries are not counted."""
        return len(self.classes) < len(CLASSES) or not _FAILURE.keys().isdisjoint(self.dimensions)


def classification(model: Model, domains: Sequence[str], body: Mapping[str, Any]) -> Any:
    """Return a page of classified failures of some domains; rows without any are left out."""
    first, last = _edges(model, body)
    asked = _let_in(model, body, first, last)
    by = [_MAIL[name] for name in asked.dimensions if name in _MAIL]
    tally = model.tally(asked.window, by=by, where={"domain": domains}, conditions=asked.conditions)
    items = [_item(model, asked, *row) for row in _rows(asked, tally)]
    pagination = body.get("pagination") or {}
    sort = str(pagination.get("sort") or "classified_failures_count:desc")
    limit, skip = _number(pagination, "limit", 10), _number(pagination, "skip", 0)
    if not 0 < limit <= _MOST_ROWS:
        raise BadRequest(f"limit should be between 1 and {_MOST_ROWS}")
    page = _sorted(items, sort)[skip : skip + limit]
    return {
        "start": written(np.datetime64(first.replace(tzinfo=None), "s"), "+0000"),
        "end": written(np.datetime64(last.replace(tzinfo=None), "s"), "+0000"),
        "resolution": asked.window.resolution,
        **({"duration": body["duration"]} if body.get("duration") else {}),
        "dimensions": list(asked.dimensions),
        "pagination": {"sort": sort, "skip": skip, "limit": limit, "total": len(items)},
        "items": page,
    }


# ---------------------------------------------------------------- the question


def _edges(model: Model, body: Mapping[str, Any]) -> tuple[datetime, datetime]:
    last = parse_moment(str(body["end"]), "end") if body.get("end") else model.now
    first = last - timedelta(days=7)
    if body.get("start"):
        first = parse_moment(str(body["start"]), "start")
    if body.get("duration"):
        first = last - _duration(str(body["duration"]))
    if first < model.now - timedelta(days=_KEPT_DAYS + 1):
        moment = written(np.datetime64(first.replace(tzinfo=None), "s"), "+0000")
        raise BadRequest(f"start '{moment}' is out of permitted log retention")
    return first.astimezone(UTC), last.astimezone(UTC)


def _duration(text: str) -> timedelta:
    """Return a duration as Go writes it: ``48h``, ``60m``, ``24h0m0s``."""
    match = re.fullmatch(r"(?:(\d{1,5})h)?(?:(\d{1,5})m)?(?:(\d{1,5})s)?", text)
    if match is None or not any(match.groups()):
        raise BadRequest(f"duration '{text}' is invalid")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _let_in(model: Model, body: Mapping[str, Any], first: datetime, last: datetime) -> _Asked:
    resolution = body.get("resolution") or "day"
    if resolution not in ("day", "hour"):
        raise BadRequest("'resolution' attribute is invalid, valid values: 'day', 'hour'")
    dimensions = _chosen(body.get("dimensions") or [], DIMENSIONS, "dimension")
    if len(dimensions) > _MOST_DIMENSIONS:
        raise BadRequest("too many dimensions")
    start, end = str(first.timestamp()), str(last.timestamp())
    window = parse_window(model.now, start=start, end=end, resolution=resolution)
    predicates = (body.get("filter") or {}).get("AND") or []
    conditions, classes = _filters(model, predicates)
    metrics = _chosen(body.get("metrics") or METRICS, METRICS, "metric")
    return _Asked(window, dimensions, metrics, conditions, classes)


def _chosen(given: Any, known: Sequence[str], what: str) -> tuple[str, ...]:
    if not isinstance(given, list | tuple):
        raise BadRequest(f"'{what}s' is not a list")
    if unknown := [name for name in given if name not in known]:
        raise BadRequest(f"'{unknown[0]}' is not a valid {what}")
    return tuple(dict.fromkeys(given))


def _filters(
    model: Model, predicates: Sequence[Mapping[str, Any]]
) -> tuple[tuple[Condition, ...], tuple[Class, ...]]:
    conditions, classes = [], list(CLASSES)
    for predicate in predicates:
        attribute, comparator = predicate.get("attribute"), predicate.get("comparator")
        if attribute not in (*_MAIL, *_FAILURE):
            raise BadRequest(f"'{attribute}' is not a valid filter predicate attribute")
        if comparator not in _COMPARATORS:
            raise BadRequest(f"'{comparator}' is not a valid comparator")
        values = [str(value.get("value")) for value in predicate.get("values") or []]
        fits = _fitting(comparator, values)
        if attribute in _FAILURE:
            member = _FAILURE[attribute]
            negated = comparator.startswith(("!", "not"))
            classes = [c for c in classes if fits(getattr(c, member)) != negated]
        else:
            conditions.append(_condition(model, attribute, comparator, fits))
    return tuple(conditions), tuple(classes)


def _fitting(comparator: str, values: Sequence[str]) -> Callable[[str], bool]:
    """Return what says whether a name is, or contains, one of the values."""
    if comparator.endswith("contains"):
        return lambda name: any(value in name for value in values)
    return lambda name: name in values


def _condition(
    model: Model, attribute: str, comparator: str, fits: Callable[[str], bool]
) -> Condition:
    dimension = _MAIL[attribute]
    found = [v for v in model.names(dimension) if fits(_shown(model, attribute, v)[attribute])]
    return Condition(dimension, found, comparator.startswith(("!", "not")))


# ---------------------------------------------------------------- the rows


def _rows(asked: _Asked, tally: Tally) -> Iterator[tuple[dict[str, str], list[int], int]]:
    """Return the key of each row that has classified failures, its four counts and deliveries."""
    summed = _TIME not in asked.dimensions
    by_class = [sum(sign * tally[name] for sign, name in one.counts) for one in asked.classes]
    table = np.stack([tally["delivered_smtp"], *by_class], axis=-1)
    if summed:
        table = table.sum(axis=1, keepdims=True)
    starts = [""] if summed else [written(start, "+0000") for start in asked.window.starts]
    mail = [name for name in asked.dimensions if name in _MAIL]
    # Only what has failures at all: most hours of most keys have none.
    for place, bucket in np.argwhere(table[:, :, 1:].any(axis=-1)).tolist():
        delivered, *failed = table[place, bucket].tolist()
        key = dict(zip(mail, tally.keys[place], strict=True))
        key |= {} if summed else {_TIME: starts[bucket]}
        for failure, counts in _of_classes(asked, failed).items():
            if any(counts):
                yield {**key, **dict(failure)}, counts, delivered


def _of_classes(
    asked: _Asked, failed: Sequence[int]
) -> dict[tuple[tuple[str, str], ...], list[int]]:
    """Return the four counts, apart by the dimensions of failures that were asked."""
    found: dict[tuple[tuple[str, str], ...], list[int]] = {}
    names = [name for name in asked.dimensions if name in _FAILURE]
    for one, count in zip(asked.classes, failed, strict=True):
        key = tuple((name, getattr(one, _FAILURE[name])) for name in names)
        counts = found.setdefault(key, [0] * len(_COUNTED))
        counts[_COUNT_OF[one.severity, one.criticality]] += count
    return found


def _item(
    model: Model, asked: _Asked, key: Mapping[str, str], counts: list[int], delivered: int
) -> dict[str, Any]:
    known = None if asked.of_failures else delivered
    rates = [round(100 * count / known) if known else None for count in counts]
    values = [*counts, sum(counts), known, *rates]
    metrics = dict(zip(METRICS, values, strict=True))
    shown: dict[str, Any] = {}
    for name, value in key.items():
        shown |= _shown(model, name, value)
    return {**shown, "metrics": {name: metrics[name] for name in METRICS if name in asked.metrics}}


def _shown(model: Model, name: str, value: str) -> dict[str, str]:
    """Return the members of an item that show one dimension's value."""
    if name == "account.name":
        account = PRIMARY_ID if value == NO_KEY else value
        return {"account.id": account, name: account_name(model, account)}
    if name == "envelope.i-ip-pool-name":
        return {"envelope.i-ip-pool-id": value, name: f"pool {value[-4:]}"}
    if name == "group-id":
        one = next(c for c in CLASSES if c.group == value)
        return {name: value, "sample-text": one.sample, "explanation": one.explanation}
    return {name: value}


def _sorted(items: list[dict[str, Any]], sort: str) -> list[dict[str, Any]]:
    column, _, direction = sort.partition(":")
    if column not in (*METRICS, *DIMENSIONS) or direction not in ("asc", "desc"):
        raise BadRequest("sort should be either one of metrics or dimensions")

    def place(item: dict[str, Any]) -> tuple[bool, Any]:
        value = item["metrics"].get(column) if column in METRICS else item.get(column)
        moment = parse_moment(value, _TIME) if column == _TIME and value else value
        return moment is not None, 0 if moment is None else moment

    return sorted(items, key=place, reverse=direction == "desc")


def _number(pagination: Mapping[str, Any], name: str, usual: int) -> int:
    number = pagination.get(name, usual)
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise BadRequest(f"'{name}' is invalid")
    return number
