"""The logs of a simulated account: one line for each failure that the model counts.

Other events are left out: a question for them is answered as if nothing had happened. Lines exist
only as numbers until a page of them is asked for.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mgframe.simulator.account import Domain
from mgframe.simulator.answers import written
from mgframe.simulator.blocks import Bounded
from mgframe.simulator.counters import PRIMITIVES
from mgframe.simulator.log_items import account_of, log_item, provider_of, recipient_domain
from mgframe.simulator.model import Model
from mgframe.simulator.seasons import first_hour, week_of
from mgframe.simulator.smtp_texts import FAILED, KINDS, SAID, SAID_BY
from mgframe.simulator.windows import BadRequest, hours_of, parse_moment

KEPT_DAYS: Final = 30
_MOST: Final = 100
_HOUR: Final = 3_600_000
_KEPT_LINES: Final = 1_000_000
_COMPARATORS: Final = ("=", "!=", "contains", "not contains")
#: Attributes of Mailgun's that this account does not filter by.
_OTHER_ATTRIBUTES: Final = frozenset(
    {
        "id",
        "country",
        "bot",
        "device",
        "attachment_filename",
        "from",
        "message_id",
        "subject",
        "mailing_list_address",
        "to",
        "size",
        "recipient",
        "recipients",
        "user_variables",
        "delivered_at",
        "delivery_status_bounce_type",
        "delivery_status_message",
        "is_routed",
        "i_classification_rule_id",
        "i_classification_group_id",
    }
)


@dataclass(frozen=True)
class Lines:
    """Log lines as numbers, one row each: whose, when (ms since 1970), a number of their own, what.

    `lane` is a place in ``Domain.lanes``, `recipient` and `primitive` are codes, `said` a place in
    ``SAID``.
    """

    domain: NDArray[np.int64]
    time: NDArray[np.int64]
    number: NDArray[np.uint64]
    lane: NDArray[np.int64]
    recipient: NDArray[np.int64]
    primitive: NDArray[np.int64]
    said: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.time)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Lines:
        """Return some of the lines."""
        return Lines(*(column[rows] for column in vars(self).values()))


def _joined(parts: Sequence[Lines]) -> Lines:
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return Lines(*(np.concatenate(column) for column in columns))


class Logs:
    """Answers questions for the log lines of an account.

    Parameters
    ----------
    model : Model
        The account.
    bare : bool
        Whether the pagination of an answer that fits one page is empty, as in a recording.
    """

    def __init__(self, model: Model, *, bare: bool = True) -> None:
        self.model, self._bare = model, bare
        self._weeks = Bounded[Lines](_KEPT_LINES, len)
        self._found = Bounded[Lines](_KEPT_LINES, len)

    def page(self, body: Mapping[str, Any], domains: Sequence[Domain]) -> dict[str, Any]:
        """Return the page of lines that a posted question asks for."""
        start, end = self._edges(body)
        paging = _object(body, "pagination")
        limit, ascending, skip = _limit(paging), _ascending(paging), _read_token(paging)
        question = {name: value for name, value in body.items() if name != "pagination"}
        text = json.dumps([question, [d.index for d in domains], ascending], sort_keys=True)
        place = (zlib.crc32(text.encode()), zlib.adler32(text.encode()))
        found = self._found.get(
            place, lambda: self._search(body, domains, start, end, ascending=ascending)
        )
        rows = found.take(slice(skip, skip + limit))
        answer: dict[str, Any] = {
            "start": _written(start),
            "end": _written(end),
            "items": [self._item(rows, row) for row in range(len(rows))],
            "pagination": self._paging(len(found), skip, limit, bool(body.get("include_totals"))),
        }
        if body.get("include_totals"):
            answer["aggregates"] = {"all": len(found), "metrics": {}}
        return answer

    def _edges(self, body: Mapping[str, Any]) -> tuple[datetime, datetime]:
        end, start = (body.get(name) for name in ("end", "start"))
        until = self.model.now if end is None else parse_moment(str(end), "end")
        since = until - timedelta(days=1) if start is None else parse_moment(str(start), "start")
        if since > until:
            raise BadRequest("'start' parameter is invalid: it is after 'end'")
        if self.model.retention and since < self._oldest():
            raise BadRequest(f"'start' {_written(since)} is out of permitted log retention")
        return since, until

    def _oldest(self) -> datetime:
        """Return midnight 30 days ago: so many whole days can be asked for."""
        midnight = self.model.now.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight - timedelta(days=KEPT_DAYS)

    def _paging(self, total: int, skip: int, limit: int, counted: bool) -> dict[str, Any]:
        if self._bare and total <= limit:
            return {}
        last = max(total - 1, 0) // limit * limit
        paging: dict[str, Any] = {
            "previous": _token(max(skip - limit, 0)),
            "next": _token(min(skip + limit, total)),
            "first": _token(0),
            "last": _token(last),
        }
        return {**paging, "total": total} if counted else paging

    # ------------------------------------------------------------ finding

    def _search(
        self,
        body: Mapping[str, Any],
        domains: Sequence[Domain],
        start: datetime,
        end: datetime,
        *,
        ascending: bool,
    ) -> Lines:
        conditions = _conditions(body)
        weeks = range(week_of(hours_of(start)), week_of(hours_of(min(end, self.model.now))) + 1)
        parts = [self._week(domain, week) for domain in domains for week in weeks]
        found = _joined([self._nothing(), *parts])
        low, high = (int(moment.timestamp() * 1000) for moment in (start, end))
        found = found.take((found.time >= low) & (found.time <= high))
        events = body.get("events")
        if events and "failed" not in events:
            found = self._nothing()
        for condition in conditions:
            found = found.take(self._matches(found, condition))
        order = np.lexsort((found.number, found.time))
        return found.take(order if ascending else order[::-1])

    def _item(self, lines: Lines, row: int) -> dict[str, Any]:
        domain = self.model.domains[int(lines.domain[row])]
        return log_item(
            domain,
            lane=int(lines.lane[row]),
            host=recipient_domain(domain, int(lines.recipient[row])),
            kind=KINDS[PRIMITIVES[lines.primitive[row]]],
            said=SAID[lines.said[row]],
            time=int(lines.time[row]),
            number=int(lines.number[row]),
        )

    @staticmethod
    def _nothing() -> Lines:
        none = np.zeros(0, np.int64)
        return Lines(none, none, np.zeros(0, np.uint64), none, none, none, none)

    def _week(self, domain: Domain, week: int) -> Lines:
        return self._weeks.get((domain.index, week), lambda: self._draw(domain, week))

    def _draw(self, domain: Domain, week: int) -> Lines:
        """Return the lines of a domain's week; each has the same place in its hour every time."""
        facts = self.model.facts(domain, week)
        facts = facts.take(np.isin(facts.column("primitive"), FAILED))
        codes = np.sort(np.repeat(facts.codes, facts.counts))
        turn = np.arange(len(codes)) - np.searchsorted(codes, codes)
        mixed = _mixed(codes, turn, self.model.seed, domain.index, week)
        hour = first_hour(week) + (codes >> 40)
        now = int(self.model.now.timestamp() * 1000)
        length = np.clip(now - hour * _HOUR, 1, _HOUR)
        primitive, recipient = (codes >> 16) & 255, (codes >> 24) & 255
        variant = (mixed >> np.uint64(40)).astype(np.int64) % 100
        return Lines(
            np.full(len(codes), domain.index),
            hour * _HOUR + (mixed % length.astype(np.uint64)).astype(np.int64),
            mixed,
            (codes >> 32) & 255,
            recipient,
            primitive,
            SAID_BY[primitive, recipient, variant],
        )

    def _matches(self, lines: Lines, condition: Mapping[str, Any]) -> NDArray[np.bool_]:
        """Say which lines a condition holds for: each distinct line is looked at once."""
        texts_of, *columns = _ATTRIBUTES[condition["attribute"]]
        keys = np.stack([getattr(lines, name) for name in columns], axis=1)
        distinct, place = np.unique(keys, axis=0, return_inverse=True)
        wanted = [value["value"].casefold() for value in condition["values"]]
        exact = condition["comparator"] in ("=", "!=")
        negated = condition["comparator"] in ("!=", "not contains")
        holds = []
        for key in distinct.tolist():
            texts = [text.casefold() for text in texts_of(self.model, *key)]
            found = any(t in wanted if exact else any(w in t for w in wanted) for t in texts)
            holds.append(found != negated)
        return np.array(holds, bool)[place.reshape(-1)]


def _lane_texts(name: str) -> Callable[[Model, int, int], Sequence[str]]:
    def texts(model: Model, domain: int, place: int) -> Sequence[str]:
        lanes = model.domains[domain].lanes
        if place >= len(lanes):
            return ()
        value = getattr(lanes[place], name)
        return (value,) if isinstance(value, str) else value

    return texts


def _host(model: Model, domain: int, recipient: int) -> Sequence[str]:
    return (recipient_domain(model.domains[domain], recipient),)


def _provider(model: Model, domain: int, recipient: int) -> Sequence[str]:
    return (provider_of(recipient_domain(model.domains[domain], recipient)),)


#: What a line can be filtered by: its texts in an attribute, and the columns that they come from.
_ATTRIBUTES: Final[dict[str, tuple[Any, ...]]] = {
    "domain": (lambda model, domain: (model.domains[domain].name,), "domain"),
    "subaccount": (lambda model, domain: (account_of(model.domains[domain])["id"],), "domain"),
    "ip": (_lane_texts("ip"), "domain", "lane"),
    "ip_pool": (_lane_texts("ip_pool"), "domain", "lane"),
    "tag": (_lane_texts("tags"), "domain", "lane"),
    "recipient_domain": (_host, "domain", "recipient"),
    "recipient_provider": (_provider, "domain", "recipient"),
    "event": (lambda *_: ("failed",), "domain"),
    "severity": (lambda _, code: (KINDS[PRIMITIVES[code]].severity,), "primitive"),
    "delivery_status_code": (lambda _, place: (str(SAID[place].code),), "said"),
}


def _conditions(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    conditions = _object(body, "filter").get("AND") or []
    for condition in conditions:
        attribute, comparator = condition.get("attribute"), condition.get("comparator")
        if attribute in _OTHER_ATTRIBUTES:
            raise BadRequest(f"this simulated account does not filter logs by '{attribute}'")
        if attribute not in _ATTRIBUTES:
            raise BadRequest(f"'{attribute}' is not a valid filter predicate attribute")
        if comparator not in _COMPARATORS:
            raise BadRequest(f"'{comparator}' is not a valid filter predicate comparator")
        if not condition.get("values"):
            raise BadRequest(f"filter predicate '{attribute}' has no values")
    return list(conditions)


def _object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        raise BadRequest(f"'{name}' attribute is invalid")
    return value or {}


def _limit(paging: Mapping[str, Any]) -> int:
    limit = paging.get("limit", _MOST)
    if not isinstance(limit, int) or not 0 < limit <= _MOST:
        raise BadRequest(f"'limit' attribute is invalid, at most {_MOST}")
    return limit


def _ascending(paging: Mapping[str, Any]) -> bool:
    sort = paging.get("sort") or "timestamp:desc"
    if sort not in ("timestamp:asc", "timestamp:desc"):
        raise BadRequest("'sort' attribute is invalid")
    return bool(sort == "timestamp:asc")


def _token(skip: int) -> str:
    return base64.urlsafe_b64encode(f"skip {skip}".encode()).decode()


def _read_token(paging: Mapping[str, Any]) -> int:
    token = paging.get("token")
    if token is None:
        return 0
    try:
        word, number = base64.urlsafe_b64decode(str(token)).decode().split()
        if word == "skip" and number.isdecimal():
            return int(number)
    except ValueError:
        pass
    raise BadRequest("'token' attribute is invalid")


def _mixed(codes: NDArray[np.int64], turn: NDArray[np.int64], *seeds: int) -> NDArray[np.uint64]:
    """Return a number of its own for each line, the same every time (splitmix64)."""
    mixed = codes.astype(np.uint64)
    for more in (turn.astype(np.uint64), *(np.full(len(codes), s, np.uint64) for s in seeds)):
        mixed = (mixed ^ more) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(27)
    return np.asarray(mixed)


def _written(moment: datetime) -> str:
    return written(np.datetime64(moment.replace(tzinfo=None), "s"), "+0000")
