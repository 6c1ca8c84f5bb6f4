"""A page of Mailgun's logs to lines about failures, without anybody's address.

Recipient, sender, subject, message id, variables and links never leave this module: a line keeps
only what says why a delivery failed. A server may overlook a part of a filter, so each line is
compared with it here too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

import pandas as pd

from mgframe.errors import ResponseError
from mgframe.smtp import enhanced_code, redact
from mgframe.vocabulary import NO_KEY

Json = Any
Item = Mapping[str, Json]
Predicate = Mapping[str, Any]

PERMANENT: Final = "permanent"
TEMPORARY: Final = "temporary"

#: Mailgun began in 2010: other years are times of other things.
_YEARS: Final = range(2010, 2200)
_LONGEST_EXAMPLE: Final = 300
_ENHANCED: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
#: What needs no second look: no address can be written so, not even in words.
_PLAIN: Final = re.compile(r"[\w.&'/+-]{1,80}|[\w &'/+-]{1,80}")
_SECOND_LEVEL: Final = frozenset({"ac", "co", "com", "edu", "gov", "ne", "net", "or", "org"})


class Line(NamedTuple):
    """Why one delivery failed; `code` is -1 and `enhanced_code` empty where there is none."""

    severity: str
    reason: str
    code: int
    enhanced_code: str
    provider: str
    mx: str
    example: str


class Row(NamedTuple):
    """A line that was read: what tells it apart, when it was, and the line if it was asked for."""

    identity: tuple[str, str]
    time: pd.Timestamp
    line: Line | None


class Page(NamedTuple):
    """A page of the logs: `outside` counts the lines that the server should not have sent."""

    rows: list[Row]
    token: str | None
    total: int | None
    outside: int


def read_page(body: Json, sent: Sequence[Predicate], own: Sequence[Predicate]) -> Page:
    """Return a page's lines about failures for which all predicates hold.

    `sent` are the predicates that the server was asked to apply, `own` the others.

    Raises
    ------
    ResponseError
        The answer is no page of log lines; the message names the line, never what it holds.
    """
    items, paging = _items(body), _part(body, "pagination", "the answer")
    times = _times(items)
    rows, outside = [], 0
    for number, (item, time) in enumerate(zip(items, times, strict=True), start=1):
        where = f"log line {number}"
        line = _line(item, where)
        texts = {key: texts_of(item, line, where) for key, texts_of in _TEXTS.items()}
        fits = item["event"] == "failed" and all(_holds(p, texts) for p in sent)
        outside += not fits
        kept = fits and all(_holds(p, texts) for p in own)
        identity = (str(item["id"]), item["@timestamp"])
        rows.append(Row(identity, time, line if kept else None))
    return Page(rows, _token(paging), _total(body, paging), outside)


def _items(body: Json) -> list[Item]:
    items = body.get("items", {}) if isinstance(body, dict) else {}
    items = [] if items is None else items
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ResponseError("the answer holds no list of log lines under 'items'")
    for number, item in enumerate(items, start=1):
        for name in ("id", "event", "@timestamp"):
            if not isinstance(item.get(name), str) or not item[name]:
                raise ResponseError(f"log line {number} has no {name!r} as a text")
    return items


def _times(items: Sequence[Item]) -> pd.DatetimeIndex:
    texts = [item["@timestamp"] for item in items]
    times = pd.to_datetime(
        pd.Index(texts, dtype=object), format="ISO8601", utc=True, errors="coerce"
    )
    times = pd.DatetimeIndex(times).as_unit("us")
    for number, time in enumerate(times, start=1):
        if pd.isna(time) or time.year not in _YEARS:
            raise ResponseError(f"log line {number} has a '@timestamp' that is no usable time")
    return times


def _token(paging: Item) -> str | None:
    token = paging.get("next")
    if token is not None and not isinstance(token, str):
        raise ResponseError("the answer's pagination holds a 'next' that is no token")
    return token or None


def _total(body: Item, paging: Item) -> int | None:
    """Return how many lines there are, wherever the answer says it."""
    for total in (paging.get("total"), _part(body, "aggregates", "the answer").get("all")):
        if isinstance(total, int) and not isinstance(total, bool) and total >= 0:
            return total
    return None


def _part(item: Item, name: str, where: str) -> Item:
    """Return a member that is an object; a missing one is empty."""
    part = item.get(name)
    if part is not None and not isinstance(part, dict):
        raise ResponseError(f"{where} has a {name!r} that is no object")
    return part or {}


def _text(item: Item, name: str, where: str) -> str:
    """Return a member that is a text; a missing one is empty."""
    text = item.get(name)
    if text is not None and not isinstance(text, str):
        raise ResponseError(f"{where} has a {name!r} that is no text")
    return (text or "").strip()


def _line(item: Item, where: str) -> Line:
    status = _part(item, "delivery-status", where)
    said = _text(status, "message", where) or _text(status, "description", where)
    code = _code(status.get("code"), where)
    domain = _text(item, "recipient-domain", where)
    return Line(
        PERMANENT if _text(item, "severity", where) == PERMANENT else TEMPORARY,
        _reason(item, where),
        code,
        _enhanced(_text(status, "enhanced-code", where), said),
        _word(_text(item, "recipient-provider", where) or domain),
        _word(_organisation(_text(status, "mx-host", where))),
        _cut(redact(said, _text(item, "recipient", where))),
    )


def _reason(item: Item, where: str) -> str:
    """Return the reason; two kinds are told by flags alone, and named as the Stats API does."""
    flags = _part(item, "flags", where)
    if flags.get("is-callback") is True:
        return "webhook"
    if flags.get("is-delayed-bounce") is True:
        return "delayed-bounce"
    return _word(_text(item, "reason", where))


def _code(code: Json, where: str) -> int:
    if code is None or code == "":
        return -1
    number = int(code) if isinstance(code, str) and re.fullmatch(r"\d{1,4}", code) else code
    if isinstance(number, bool) or not isinstance(number, int | float) or number != int(number):
        raise ResponseError(f"{where} has a 'code' that is no whole number")
    return int(number) if 100 <= number <= 999 else -1


def _enhanced(code: str, said: str) -> str:
    return code if _ENHANCED.fullmatch(code) else enhanced_code(said) or ""


def _word(text: str) -> str:
    """Return a name as a key: never empty, and without an address even where one was put."""
    return (text if _PLAIN.fullmatch(text) else redact(text)[:80]) or NO_KEY


def _organisation(host: str) -> str:
    """Return whose server it is: aspmx.l.google.com is google.com, so that its hosts are one."""
    name = host.lower().strip(".")
    try:
        return str(ip_address(name.strip("[]")))
    except ValueError:
        labels = name.split(".")
    country = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3 if country else -2 :])


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_EXAMPLE else f"{text[: _LONGEST_EXAMPLE - 3]}..."


# ---------------------------------------------------------------- filters

_TEXTS: Final[dict[str, Callable[[Item, Line, str], list[str]]]] = {
    "domain": lambda item, _, where: [_text(_part(item, "domain", where), "name", where)],
    "recipient_domain": lambda item, _, where: [_text(item, "recipient-domain", where)],
    "recipient_provider": lambda item, _, where: [_text(item, "recipient-provider", where)],
    "provider": lambda item, _, where: [
        _text(item, "recipient-domain", where),
        _text(item, "recipient-provider", where),
    ],
    "mx": lambda item, line, where: [
        line.mx,
        _text(_part(item, "delivery-status", where), "mx-host", where),
    ],
    "tag": lambda item, _, where: _tags(item, where),
    "ip": lambda item, _, where: [_text(_part(item, "envelope", where), "sending-ip", where)],
    "subaccount": lambda item, _, where: [_text(_part(item, "account", where), "id", where)],
    "severity": lambda _, line, __: [line.severity],
    "reason": lambda _, line, __: [line.reason],
    "code": lambda _, line, __: [str(line.code)],
    "enhanced_code": lambda _, line, __: [line.enhanced_code],
}

#: What lines can be filtered by.
FILTERS: Final = tuple(_TEXTS)


def _tags(item: Item, where: str) -> list[str]:
    tags = item.get("tags") or []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise ResponseError(f"{where} has 'tags' that are no list of texts")
    return tags


def _holds(predicate: Predicate, texts: Mapping[str, list[str]]) -> bool:
    """Say whether a predicate holds, capitals aside, as a server may see them so."""
    said = [text.casefold() for text in texts[predicate["attribute"]]]
    wanted = [value["value"].casefold() for value in predicate["values"]]
    comparator = predicate["comparator"]
    if comparator in ("=", "!="):
        found = any(text in wanted for text in said)
    else:
        found = any(value in text for text in said for value in wanted)
    return found != (comparator in ("!=", "not contains"))
