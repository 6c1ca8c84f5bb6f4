"""Why mail failed: the log lines of failed deliveries, counted by reason (POST /v1/analytics/logs).

Lines are read from the newest back, page by page; where there are many, side by side
(stretches.py). Each page is stripped to what the table needs as soon as it comes (loglines.py).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any, Final

import pandas as pd

from mgframe.answering import origin
from mgframe.asking import read_domains, read_window
from mgframe.client import Answer, Call, Client
from mgframe.errors import QueryError, suggestion, warn
from mgframe.filtering import Where, read_where
from mgframe.framing import with_meta
from mgframe.loglines import FILTERS, PERMANENT, TEMPORARY, Line, read_page
from mgframe.metrics_asking import read_subaccounts
from mgframe.planning import Question, Unsteady, client_of, fetch
from mgframe.smtp import meaning_of_failure, redact
from mgframe.stretches import LIMIT, Stretch, cut_up, newest, running
from mgframe.timespan import Moment, api_time, bucket_ends, json_time

_PATH: Final = "/v1/analytics/logs"
_ENDPOINT: Final = f"POST {_PATH}"
_MOST: Final = 10_000
_LAST: Final = "24h"
#: Mailgun keeps logs for 1 to 30 days; a window of 30 whole days begins up to a day before that.
_KEPT: Final = pd.Timedelta(days=31)

#: Attributes that the logs filter by (OpenAPI document, logs FilterAttribute); reason, enhanced
#: code and MX are not among them, so these are compared here alone.
_ATTRIBUTES: Final = {
    "domain": "domain",
    "recipient_domain": "recipient_domain",
    "recipient_provider": "recipient_provider",
    "tag": "tag",
    "ip": "ip",
    "subaccount": "subaccount",
    "severity": "severity",
    "code": "delivery_status_code",
}
_PROVIDER_KEYS: Final = {True: "recipient_domain", False: "recipient_provider"}
_TEXTS: Final = ("severity", "reason", "enhanced_code", "provider", "mx", "example")
_KEYS: Final = ["severity", "reason", "code", "enhanced_code", "provider", "mx"]


@fetch
def failures(
    domain: str | Iterable[str] | None = None,
    *,
    where: Where | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    last: str | None = None,
    period: str | None = None,
    tz: str | tzinfo | None = None,
    partial: bool = False,
    most: int = _MOST,
    subaccounts: bool | None = None,
    progress: bool | None = None,
    client: Client | None = None,
) -> Question:
    """Fetch why mail failed: a table of reasons, what the servers said, and how often.

    Asks POST /v1/analytics/logs for the log lines of failed deliveries, temporary and permanent.
    No line is kept: a row counts all lines with the same reason, codes and provider.

    Parameters
    ----------
    domain : str or iterable of str, optional
        Sending domains; by default all of the account.
    where : mapping, optional
        Narrows it: ``domain``, ``recipient_domain``, ``recipient_provider``, ``provider`` (either
        of these two), ``mx``, ``tag``, ``ip``, ``subaccount``, ``severity``, ``reason``, ``code``,
        ``enhanced_code``; a value, a list (any of them), or :func:`mgframe.contains`,
        :func:`mgframe.not_contains`, :func:`mgframe.is_not`. All keys must hold.
    start, end, last, period, tz, partial
        The window, as in :func:`mgframe.domain_totals`, to the hour; by default ``last="24h"``, the
        24 complete hours. Mailgun keeps logs 1 to 30 days, depending on the plan.
    most : int, default 10_000
        How many log lines are read at most. Where there are more, the newest are read and one
        warning says how many, and of how many where the answer has a total.
    subaccounts : bool, optional
        Whether to include subaccounts; by default where `where` names one.
    progress : bool, optional
        Show a bar; by default where somebody watches.
    client : Client, optional
        Whom to ask; by default a client made from the environment.

    Returns
    -------
    DataFrame
        One row a reason, the most frequent first, with a plain index: `severity` (``permanent``,
        ``temporary``), `reason` (Mailgun's word; ``delayed-bounce`` and ``webhook`` where only a
        flag tells), `code` (of the reply, or Mailgun's own from 600 on, ``Int64``),
        `enhanced_code`, `provider` (who runs the mailbox, else the recipient's domain), `mx` (whose
        mail server answered, as google.com), `count` (log lines, ``Int64``), `first` and `last`
        (UTC), `meaning` (the codes in words, with the source) and `example` (the newest text, every
        address redacted). Texts are ``string``; a missing code is NA, a missing name ``"(none)"``.

    Raises
    ------
    QueryError
        An argument is wrong, or the whole window is older than any log; nothing was sent.
    ResponseError
        A line cannot be read, a page repeats, or the pages hold fewer lines than the answer's own
        total.
    ApiError, TransportError
        See :mod:`mgframe.errors`; of several pages the message names the one.

    Notes
    -----
    Temporary failures are attempts: a message that is put off three times counts three times.
    Suppressed recipients (reason suppress-...) were never attempted. The server is asked to filter
    and each line is compared again here, so that a filter which it overlooks still narrows. A total
    that grows while pages are read is no error: lines arrive late.

    Recipients, senders, subjects and message ids are dropped as each page is read; no address is
    ever in the table, its attrs, a message or a log.

    Source: Mailgun's OpenAPI document, Logs; metric-definitions for the reasons; RFC 5321, RFC
    3463, IANA and the postmaster pages of Google, Microsoft and Yahoo for the codes (each named in
    `meaning`).

    Examples
    --------
    >>> import mgframe as mg
    >>> table = mg.failures("news.example.com", where={"provider": "gmail.com"},
    ...                     start="2026-11-10", end="2026-11-10", client=mg.demo())
    >>> table.loc[0, ["severity", "reason", "enhanced_code", "provider", "mx"]].tolist()
    ['permanent', 'espblock', '5.7.26', 'Gmail', 'google.com']
    """
    client = client_of(client)
    sent, own = _read_filters(domain, where)
    first, after = _read_edges(client, start, end, last, period, tz, partial)
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise QueryError(f"most={most!r} must be a whole number of log lines, at least 1")
    inside = read_subaccounts(subaccounts, (), sent)
    asked = _Asked(client, sent, own, first, after, most, inside, progress)
    return _next_pages(asked, (Stretch(first, after),), [])


# ---------------------------------------------------------------- arguments


def _read_filters(
    domain: str | Iterable[str] | None, where: Where | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the predicates for the server, and those that only the client can apply."""
    predicates = read_where(where, FILTERS)
    if domain is not None:
        if isinstance(where, Mapping) and "domain" in where:
            raise QueryError("domain is given twice, as an argument and in where=; give one")
        predicates = read_where({"domain": read_domains(domain)}, FILTERS) + predicates
    _refuse_unknown_severity(predicates)
    predicates = [_narrowed(predicate) for predicate in predicates]
    sent = [p for p in predicates if p["attribute"] in _ATTRIBUTES]
    return sent, [p for p in predicates if p not in sent]


def _narrowed(predicate: dict[str, Any]) -> dict[str, Any]:
    """Return a filter by provider as one by domain or by name, where its values tell which."""
    if predicate["attribute"] != "provider" or predicate["comparator"] != "=":
        return predicate
    values = [value["value"] for value in predicate["values"]]
    are_domains = {"." in value and value == value.lower() for value in values}
    if len(are_domains) > 1:
        return predicate
    return {**predicate, "attribute": _PROVIDER_KEYS[are_domains.pop()]}


def _refuse_unknown_severity(predicates: Sequence[Mapping[str, Any]]) -> None:
    known = (PERMANENT, TEMPORARY)
    for predicate in predicates:
        exact = predicate["attribute"] == "severity" and predicate["comparator"] in ("=", "!=")
        for value in (v["value"] for v in predicate["values"] if exact):
            if value not in known:
                raise QueryError(
                    f"where={{'severity': {value!r}}}: a severity is {' or '.join(known)}"
                    f"{suggestion(value, known)}"
                )


def _read_edges(
    client: Client,
    start: Moment | None,
    end: Moment | None,
    last: str | None,
    period: str | None,
    tz: str | tzinfo | None,
    partial: bool,
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the first moment of the window and the one after its last."""
    nothing = start is end is last is period is None
    # Hours where moments are given, so that they stay; "7d" are seven whole days.
    resolution = None if last is not None or nothing else "hour"
    window = read_window(
        client, start, end, _LAST if nothing else last, period, None, resolution, tz, partial
    )
    after = bucket_ends(pd.DatetimeIndex([window.end]), window.resolution)[0]
    oldest = pd.Timestamp(client.now()) - _KEPT
    if after <= oldest:
        raise QueryError(
            f"the window ends {json_time(after)}, but Mailgun keeps logs for 30 days at most (1 to "
            "30, depending on the plan); choose a later one"
        )
    if window.start < oldest:
        warn(
            f"the window begins {json_time(window.start)}, but Mailgun keeps logs for 30 days at "
            "most (1 to 30, depending on the plan); older failures are missing, or it refuses"
        )
    return window.start, after


# ---------------------------------------------------------------- reading


@dataclass(frozen=True)
class _Asked:
    """What a table has to know of its question: `sent` filters the server applies, `own` we."""

    client: Client
    sent: list[dict[str, Any]]
    own: list[dict[str, Any]]
    start: pd.Timestamp
    after: pd.Timestamp
    most: int
    subaccounts: bool
    progress: bool | None


def _next_pages(asked: _Asked, stretches: tuple[Stretch, ...], answers: list[Answer]) -> Question:
    """Return the question for the next page of every stretch that is to be read on."""
    calls = {
        _call(asked, stretches[place], number, stretches[0]): place
        for number, place in enumerate(_running(asked, stretches), start=len(answers) + 1)
    }

    def finish(came: list[Answer], _: dict[str, str]) -> pd.DataFrame | Question:
        pages = {calls[answer.call]: answer.body for answer in came}
        grown = [
            stretch.with_page(pages[place]) if place in pages else stretch
            for place, stretch in enumerate(stretches)
        ]
        so_far = cut_up(grown, asked.most, asked.client.connections)
        read = [*answers, *came]
        return (
            _next_pages(asked, so_far, read)
            if _running(asked, so_far)
            else _table(asked, so_far, read)
        )

    further = f"one request for each further {LIMIT} log lines, {asked.most:,} lines at most"
    return Question(
        asked.client,
        tuple(calls),
        finish,
        follow_up="" if answers else further,
        progress=asked.progress,
        read=lambda answer: replace(answer, body=read_page(answer.body, asked.sent, asked.own)),
    )


def _running(asked: _Asked, stretches: Sequence[Stretch]) -> list[int]:
    return running(stretches, asked.most, asked.client.connections)


def _call(asked: _Asked, stretch: Stretch, number: int, newest_of_all: Stretch) -> Call:
    pagination: dict[str, Any] = {"sort": "timestamp:desc", "limit": LIMIT}
    if stretch.pages:
        pagination["token"] = stretch.pages[-1].token
    filters = [{**p, "attribute": _ATTRIBUTES[p["attribute"]]} for p in asked.sent]
    body = {
        "start": api_time(stretch.start),
        "end": api_time(stretch.after),
        "events": ["failed"],
        **({"filter": {"AND": filters}} if filters else {}),
        "include_subaccounts": asked.subaccounts,
        "include_totals": True,
        "pagination": pagination,
    }
    total = newest_of_all.pages[0].total if newest_of_all.pages else None
    pages = 0 if total is None else math.ceil(min(total, asked.most) / LIMIT)
    of = f" of about {max(pages, number)}" if pages else ""
    page = f" (page {number}{of})" if number > 1 else ""
    text = json.dumps(body, separators=(",", ":"))
    return Call("POST", _PATH, body=text, endpoint=_ENDPOINT + page, budget="metrics")


# ---------------------------------------------------------------- the table


def _table(asked: _Asked, stretches: tuple[Stretch, ...], answers: list[Answer]) -> pd.DataFrame:
    rows, total = newest(stretches, asked.most), stretches[0].pages[0].total
    if total is not None and len(rows) < min(total, asked.most):
        raise Unsteady(
            f"{_ENDPOINT} says that there are {total:,} log lines but its pages hold "
            f"{len(rows):,}; ask again"
        )
    inside = [row for row in rows if asked.start <= row.time < asked.after]
    outside = sum(page.outside for stretch in stretches for page in stretch.pages)
    if outside:
        warn(
            f"{_ENDPOINT} sent {outside:,} log lines that where= leaves out or that are no "
            "failures; they are not counted"
        )
    if (total or 0) > asked.most:
        warn(
            f"read the newest {len(rows):,} of {total:,} log lines, back to "
            f"{json_time(rows[-1].time)}; the table counts these. Narrow the window or where=, or "
            "raise most="
        )
    if total is None and (more := _what_more(asked, stretches)):
        warn(
            f"read the newest {len(rows):,} log lines, and {more}, back to "
            f"{json_time(rows[-1].time)}; the table counts these. Narrow the window or where=, or "
            "raise most="
        )
    lines = [(row.time, *row.line) for row in inside if row.line is not None]
    meta = {
        **origin(asked.client, _ENDPOINT, answers, {}),
        "asked": [json_time(asked.start), json_time(asked.after)],
        "where": _noted([*asked.sent, *asked.own]),
        "read": len(rows),
        "total": total,
        "requests": len(answers),
    }
    return with_meta(_counted(lines), meta)


def _what_more(asked: _Asked, stretches: tuple[Stretch, ...]) -> str:
    """Return whether lines are left out where no total tells; a next page may be an empty one."""
    found = len(newest(stretches, asked.most + 1))
    if found > asked.most:
        return "there are more"
    unread = found == asked.most and not all(stretch.done for stretch in stretches)
    return "there may be more" if unread else ""


def _noted(predicates: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the filters for attrs; a value may be somebody's address."""
    return [
        redact(f"{p['attribute']} {p['comparator']} {', '.join(v['value'] for v in p['values'])}")
        for p in predicates
    ]


def _counted(lines: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    """Return one row a reason, with how often and when it was; `lines` are newest first."""
    columns = {name: [line[i] for line in lines] for i, name in enumerate(("time", *Line._fields))}
    texts = {name: pd.array(columns[name], dtype="string") for name in _TEXTS}
    table = pd.DataFrame({**texts, "code": pd.array(columns["code"], dtype="Int64")})
    table["time"] = pd.DatetimeIndex(columns["time"], dtype="datetime64[us, UTC]")
    groups = table.groupby(_KEYS, sort=False)
    found = groups.agg(
        count=("time", "size"),
        first=("time", "min"),
        last=("time", "max"),
        example=("example", "first"),
    ).reset_index()
    found = found.sort_values(
        ["count", *_KEYS], ascending=[False] + [True] * len(_KEYS), kind="stable", ignore_index=True
    )
    found["meaning"] = pd.array(_meanings(found), dtype="string")
    found["code"] = found["code"].mask(found["code"] < 0)
    found["enhanced_code"] = found["enhanced_code"].mask(found["enhanced_code"] == "")
    found["count"] = found["count"].astype("Int64")
    return found[[*_KEYS, "count", "first", "last", "meaning", "example"]]


def _meanings(found: pd.DataFrame) -> list[str]:
    names = ("code", "enhanced_code", "reason", "provider", "mx", "example")
    rows = zip(*(found[name] for name in names), strict=True)
    return [
        meaning_of_failure(
            None if code < 0 else code,
            enhanced or None,
            reason=reason,
            provider=f"{provider} {mx}",
            text=example,
        )
        for code, enhanced, reason, provider, mx, example in rows
    ]
