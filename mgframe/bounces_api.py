"""Mailgun's classification of failures: who refused mail, how badly, and for what reason."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final, Literal, get_args

import numpy as np
import pandas as pd

from mgframe.answering import origin
from mgframe.asking import account_key
from mgframe.checking import check_frame
from mgframe.client import Answer, Call, Client
from mgframe.errors import QueryError, ResponseError, suggestion, warn
from mgframe.filtering import Predicate, Where, read_where
from mgframe.framing import build, empty_frame, make_index, row_text
from mgframe.listings import read_moments
from mgframe.metrics_asking import read_counts, read_subaccounts
from mgframe.paging import Pages, Series, every_page
from mgframe.parsing import key_text, read_columns
from mgframe.planning import Question, Unsteady, client_of, fetch
from mgframe.smtp import redact
from mgframe.timespan import Moment, Window, api_time, bucket_ends, floor, json_time, resolve
from mgframe.vocabulary import BOUNCE_COUNTS, NO_KEY

BounceKey = Literal[
    "entity", "domain", "ip", "ip_pool", "recipient_domain", "subaccount", "tag",
    "criticality", "severity", "category", "group",
]  # fmt: skip

_ENDPOINT: Final = "POST /v2/bounce-classification/metrics"
_TIME: Final = "timestamp"
_TOTAL: Final = "total"
#: Documented; left out, it would be 10.
_PAGE: Final = 50
#: Not documented: a fifth one is refused as "too many dimensions".
_MOST_DIMENSIONS: Final = 4
#: Rows without a classified failure are left out, so their deliveries would not add up.
_DEFAULT_COUNTS: Final = tuple(name for name in BOUNCE_COUNTS if name != "delivered_smtp")

#: What the API calls the keys.
_DIMENSIONS: Final = {
    "entity": "entity-name",
    "domain": "domain.name",
    "ip": "envelope.sending-ip",
    "ip_pool": "envelope.i-ip-pool-name",
    "recipient_domain": "recipient-domain",
    "subaccount": "account.name",
    "tag": "tag",
    "criticality": "criticality",
    "severity": "severity",
    "category": "category",
    "group": "group-id",
}
#: Members that hold the id of a key, where an item has it beside the name.
_IDS: Final = {"ip_pool": "envelope.i-ip-pool-id", "subaccount": "account.id"}
#: Keys of the other APIs, and what comes nearest here.
_OTHER_WORDS: Final = {
    "provider": "; did you mean 'recipient_domain' (gmail.com) or 'entity' (Gmail)?",
    "recipient_provider": "; did you mean 'entity'?",
}
_WIDTHS: Final = ("hour", "day", _TOTAL)
_QUARTER: Final = pd.Timedelta(minutes=15)


@dataclass(frozen=True)
class _Query:
    """One question, checked. `timed` is False for one total over the window."""

    client: Client
    counts: tuple[str, ...]
    keys: tuple[str, ...]
    window: Window
    timed: bool
    predicates: tuple[Predicate, ...]
    subaccounts: bool

    @property
    def width(self) -> str:
        """The resolution that is sent; for a total the one that its window is cut by."""
        return "hour" if self.window.resolution == "hour" else "day"

    def call(self, skip: int) -> Call:
        """Return the request for the page after so many rows."""
        dimensions = [*([_TIME] * self.timed), *(_DIMENSIONS[key] for key in self.keys)]
        metrics = [f"{name}_count" for name in self.counts]
        first = f"{dimensions[0]}:asc" if dimensions else f"{metrics[0]}:desc"
        body: dict[str, Any] = {
            "start": api_time(self.window.start),
            # Right whether the API counts up to this moment or takes the bucket that holds it.
            "end": api_time(_end(self.window) - pd.Timedelta(seconds=1)),
            "resolution": self.width,
            "dimensions": dimensions,
            "metrics": metrics,
            "pagination": {"sort": first, "skip": skip, "limit": _PAGE},
        }
        if self.predicates:
            body["filter"] = {"AND": list(self.predicates)}
        if self.subaccounts:
            body["include_subaccounts"] = True
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        path = _ENDPOINT.removeprefix("POST ")
        return Call("POST", path, body=text, endpoint=_ENDPOINT, budget="metrics")


@fetch
def bounce_classification(
    counts: str | Iterable[str] | None = None,
    *,
    by: BounceKey | Iterable[BounceKey] | None = "entity",
    where: Where | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    last: str | None = None,
    period: str | None = None,
    duration: str | None = None,
    resolution: str | None = None,
    tz: str | tzinfo | None = None,
    partial: bool = False,
    subaccounts: bool | None = None,
    progress: bool | None = None,
    client: Client | None = None,
) -> Question:
    """Fetch Mailgun's classification of failures (POST /v2/bounce-classification/metrics).

    Parameters
    ----------
    counts : str or iterable of str, optional
        Of classified_failures, critical_bounce, non_critical_bounce, critical_delay,
        non_critical_delay, delivered_smtp, with or without ``_count``; by default all but
        the last, which has no rows, and so no sums, where nothing was classified.
    by : str or iterable of str, optional
        Keys: entity (the mailbox provider, blocklist or filter that refused, the default), domain,
        ip, ip_pool, recipient_domain, subaccount, tag, criticality, severity, category, group (of
        like texts). With time Mailgun takes three, in total four; None is the whole account.
    where : mapping, optional
        Filters by the same keys, as in :func:`mgframe.metrics`; subaccounts and IP pools go by
        their names here.
    start, end, last, period, duration, tz, partial
        As in :func:`mgframe.account_totals`. Mailgun keeps this for as long as the account's logs.
    resolution : {"hour", "day", "total"}, optional
        The width of a bucket; total is one number for the window, without the level `time`.
    subaccounts : bool, optional
        Whether to include subaccounts; by default where `by` or `where` name them.
    progress : bool, optional
        Show a progress bar; by default on a terminal or in a notebook, for more than one request.
    client : Client, optional
        Whom to ask; by default a client made from the environment.

    Returns
    -------
    DataFrame
        Index: `time` (start of the bucket, UTC) unless in total, and the keys, ``"(none)"`` where a
        row has none. Columns: counts, ``Int64``, NA where not reported. It is sparse: rows without
        any classified failure are not there, and what was delivered to them is not known. Mailgun's
        own rates, whole percents, are left out. By `group`, ``attrs["mgframe"]["groups"]`` holds
        texts and explanations of the first groups, without addresses.

    Raises
    ------
    QueryError
        An argument is wrong; nothing was sent.
    ApiError
        400: the window begins before what the account's logs keep.
    ResponseError
        A row without an asked key, a time that begins no bucket, or pages that contradict each
        other, also when they are read once more.
    TransportError
        See :mod:`mgframe.errors`.

    Notes
    -----
    Source: Mailgun's OpenAPI document, Bounce Classification. Failures that Mailgun does not
    classify, and suppressed mail, are not counted.

    Examples
    --------
    >>> import mgframe as mg
    >>> df = mg.bounce_classification(
    ...     by="entity", where={"domain": "news.example.com"}, last="7d", client=mg.demo()
    ... )
    >>> df.groupby("entity")["critical_bounce"].sum().idxmax()
    'Gmail'
    """
    client = client_of(client)
    timed = _read_width(resolution)
    window = resolve(
        start=start,
        end=end,
        last=last,
        period=period,
        duration=duration,
        resolution=resolution if timed else None,
        tz=tz,
        partial=partial,
        now=client.now(),
        duration_sets_resolution=False,
    )
    if timed and window.resolution == "month":
        raise QueryError("bounces come by hour or day; say resolution='day', or 'total'")
    keys, predicates = _read_keys(by, timed=timed), _read_predicates(where)
    wanted = _DEFAULT_COUNTS if counts is None else _read_counts(counts)
    inside = read_subaccounts(subaccounts, keys, predicates)
    sent = tuple({**p, "attribute": _DIMENSIONS[p["attribute"]]} for p in predicates)
    query = _Query(client, wanted, keys, window, timed, sent, inside)
    series = Series(
        query.call,
        _PAGE,
        rows=lambda page: len(page["items"]),
        total=_total,
        read=lambda body: _read_page(query, body),
    )
    return every_page(client, [series], lambda pages: _frame(query, *pages), progress=progress)


# ---------------------------------------------------------------- the question


def _read_width(resolution: str | None) -> bool:
    """Return whether the answer has buckets."""
    if resolution not in (None, *_WIDTHS):
        raise QueryError(
            f"resolution={resolution!r}: bounces come by 'hour' or 'day', or in 'total'"
            f"{suggestion(resolution, _WIDTHS)}; for weeks or months fetch days and use "
            "df.mg.resample('M')"
        )
    return resolution != _TOTAL


def _read_counts(counts: str | Iterable[str]) -> tuple[str, ...]:
    return read_counts(counts, among=BOUNCE_COUNTS)


def _read_keys(by: str | Iterable[str] | None, *, timed: bool) -> tuple[str, ...]:
    if not isinstance(by, Iterable | None):
        raise QueryError(f"by={by!r} must be a key or a list of keys: {', '.join(_DIMENSIONS)}")
    keys = (by,) if isinstance(by, str) else tuple(by or ())
    for key in keys:
        if key not in get_args(BounceKey):
            near = _OTHER_WORDS.get(key) or suggestion(key, _DIMENSIONS)
            raise QueryError(
                f"by={by!r}: {key!r} is no key of the bounce classification{near}; the keys are "
                f"{', '.join(_DIMENSIONS)}"
            )
    if len(set(keys)) < len(keys):
        raise QueryError(f"by={by!r} names a key twice")
    most = _MOST_DIMENSIONS - timed
    if len(keys) > most:
        instead = "; resolution='total', without time, takes one more" if timed else ""
        raise QueryError(f"by={by!r} names {len(keys)} keys, and Mailgun takes {most}{instead}")
    return keys


def _read_predicates(where: Where | None) -> list[Predicate]:
    predicates = read_where(where, _DIMENSIONS)
    lower = ("domain", "recipient_domain")  # they are the same in any case, and sent in lower
    return [_lowered(p) if p["attribute"] in lower else p for p in predicates]


def _lowered(predicate: Predicate) -> Predicate:
    texts = dict.fromkeys(value["value"].lower() for value in predicate["values"])
    return {**predicate, "values": [{"label": text, "value": text} for text in texts]}


def _end(window: Window) -> pd.Timestamp:
    return bucket_ends(pd.DatetimeIndex([window.end]), window.resolution)[0]


# ---------------------------------------------------------------- the answer


def _read_page(query: _Query, body: Any) -> dict[str, Any]:
    """Return what the frame needs of a page: all else is much, and its texts hold addresses."""
    items = _items(body)
    members = [_TIME] * query.timed + [_DIMENSIONS[key] for key in query.keys]
    members += [_IDS[key] for key in query.keys if key in _IDS]
    counts = [f"{name}_count" for name in query.counts]
    kept = [{**_part(item, members), "metrics": _part(item["metrics"], counts)} for item in items]
    groups = _texts_of_groups(items) if "group" in query.keys else {}
    envelope = _part(body, ("start", "end", "resolution", "pagination"))
    return {**envelope, "items": kept, "groups": groups}


def _part(item: Mapping[str, Any], members: Iterable[str]) -> dict[str, Any]:
    return {member: item[member] for member in members if member in item}


def _items(body: Any) -> list[dict[str, Any]]:
    found = body.get("items") if isinstance(body, dict) else None
    if found is None and isinstance(body, dict) and "items" in body:
        return []
    if not isinstance(found, list) or not all(
        isinstance(item, dict) and isinstance(item.get("metrics"), dict) for item in found
    ):
        raise ResponseError(
            "the answer has no 'items' with 'metrics', as is documented; got "
            f"{redact(str(body))[:80]!r}"
        )
    return found


def _total(body: Mapping[str, Any]) -> int | None:
    pagination = body.get("pagination")
    total = pagination.get("total") if isinstance(pagination, dict) else None
    return total if type(total) is int and total >= 0 else None


def _frame(query: _Query, pages: Pages) -> pd.DataFrame:
    """Return the frame of all pages' rows; none is added for what the answer leaves out."""
    items = [item for answer in pages for item in answer.body["items"]]
    meta = _meta(query, pages, items)
    levels = query.keys or ("account",)
    if not items:
        return empty_frame([*(["time"] * query.timed), *levels], query.counts, meta=meta)
    times = _times(query, items) if query.timed else None
    keys = {key: _labels(key, items) for key in query.keys}
    if not keys:
        keys = {"account": [account_key(query.client)] * len(items)}
    index = make_index(times, keys)
    if not index.is_unique:
        twice = row_text(index[index.duplicated()][0])
        raise Unsteady(f"{_ENDPOINT} answered the row {twice} twice; ask again")
    return check_frame(build(index, _counts(query, items), meta=meta))


def _counts(query: _Query, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the counts that were asked; rates, whole percents, were left out with the page."""
    members = [f"{name}_count" for name in query.counts]
    metrics = [item["metrics"] for item in items]
    return dict(zip(query.counts, read_columns(metrics, members, "metrics"), strict=True))


def _labels(key: str, items: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the key of every row: the id where there is one, else the name."""
    members = [_IDS[key]] if key in _IDS else []
    members.append(_DIMENSIONS[key])
    labels = []
    for item in items:
        if not any(member in item for member in members):
            raise ResponseError(f"{_ENDPOINT} has a row without {members[-1]!r}, which was asked")
        said = next((item[member] for member in members if item.get(member)), None)
        if said is not None and not isinstance(said, str):
            shown = redact(str(said))[:40]
            raise ResponseError(f"{_ENDPOINT} has {shown!r} for {key}, which is no text")
        labels.append(key_text(said, key) if said else NO_KEY)
    return labels


def _times(query: _Query, items: Sequence[Mapping[str, Any]]) -> pd.DatetimeIndex:
    """Return the bucket of every row; a moment within a bucket stands for it."""
    times = read_moments([item.get(_TIME) for item in items])
    if times.hasnans:
        raise ResponseError(f"{_ENDPOINT} has a row without {_TIME!r}, which was asked")
    starts = times.floor("h" if query.width == "hour" else "D")
    # Buckets of another time zone begin at a quarter of some hour.
    shifted = np.asarray((times != starts) & (times == times.floor(_QUARTER)))
    if shifted.any():
        raise ResponseError(
            f"{_ENDPOINT} has a {query.width} that begins at {times[shifted][0]}: its buckets are "
            "those of another time zone than UTC"
        )
    return starts.as_unit("us")


def _names(query: _Query, items: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Return what ids are called, by key."""
    found: dict[str, dict[str, str]] = {}
    for key in _IDS.keys() & set(query.keys):
        told = {item.get(_IDS[key]): item.get(_DIMENSIONS[key]) for item in items}
        found[key] = {i: n for i, n in told.items() if isinstance(i, str) and isinstance(n, str)}
    return {key: names for key, names in found.items() if names}


def _meta(
    query: _Query, pages: Sequence[Answer], items: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    window, body = query.window, pages[0].body
    answered = _answered(query, body)
    if answered != (window.start, window.end):
        said = " to ".join(map(json_time, answered))
        asked = f"{json_time(window.start)} to {json_time(window.end)}"
        warn(f"asked {query.width}s {asked}, answered {said}; the frame follows the answer")
    if body.get("resolution") not in (None, query.width):
        raise ResponseError(
            f"{_ENDPOINT} was asked for {query.width}s and answered {body['resolution']!r}"
        )
    newest = floor(pd.Timestamp(min(answer.date for answer in pages)), query.width)
    meta = {
        **origin(query.client, _ENDPOINT, list(pages), {}),
        "request": _request(query),
        "resolution": query.width if query.timed else _TOTAL,
        "asked": [json_time(window.start), json_time(window.end)],
        "answered": [json_time(moment) for moment in answered],
        "complete_until": json_time(min(_end(window), newest)),
        "sparse": True,
    }
    names, groups = _names(query, items), _first_of_each([page.body["groups"] for page in pages])
    query.client.remember(names)
    told = {"names": names, "groups": groups}
    return {**meta, **{name: texts for name, texts in told.items() if texts}}


def _answered(query: _Query, body: Mapping[str, Any]) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the first and last bucket that the answer speaks of, those asked where it does not."""
    window = query.window
    try:
        first, last = read_moments([body.get("start"), body.get("end")])
    except ResponseError:
        return window.start, window.end
    if pd.isna(first) or pd.isna(last):
        return window.start, window.end
    return floor(first, window.resolution), floor(last, window.resolution)


def _request(query: _Query) -> dict[str, Any]:
    filters = [
        f"{p['attribute']} {p['comparator']} " + ", ".join(v["value"] for v in p["values"])
        for p in query.predicates
    ]
    request = {"by": list(query.keys), "counts": list(query.counts)}
    return {**request, **({"where": filters} if filters else {})}


def _first_of_each(texts: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {group: said for page in reversed(texts) for group, said in page.items()}


def _texts_of_groups(items: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return text and explanation of each group, without anybody's address."""
    found: dict[str, str] = {}
    for item in items:
        parts = [item.get("sample-text"), item.get("explanation")]
        said = " - ".join(redact(part) for part in parts if isinstance(part, str) and part)
        if said and isinstance(item.get("group-id"), str):
            found.setdefault(item["group-id"], said)
    return found
