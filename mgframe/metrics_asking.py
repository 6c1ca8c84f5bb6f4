"""Arguments of the Metrics API to calls: everything is checked here, before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

import pandas as pd

from mgframe.client import Call, Client
from mgframe.errors import QueryError, suggestion
from mgframe.feedback import without_feedback_loop
from mgframe.filtering import Predicate, Where, read_where
from mgframe.framing import kept_since
from mgframe.timespan import Window, api_time, names_hour, resolve
from mgframe.vocabulary import (
    COUNTS,
    KEYS,
    PROVIDER_LEVELS,
    RATES,
    RETENTION_DAYS,
    USAGE_COUNTS,
    in_order,
)

#: What the Metrics API groups and filters by, beside time.
MetricsKey = Literal[
    "domain", "subaccount", "ip", "ip_pool", "recipient_domain", "recipient_provider",
    "country", "device", "tag", "bot",
]  # fmt: skip
METRICS_KEYS: Final = get_args(MetricsKey)
METRICS_PATH: Final = "/v1/analytics/metrics"
TOTAL: Final = "total"

#: Documented: so many counts a request, so many dimensions, so many rows a page.
MOST_COUNTS: Final = 10
MOST_DIMENSIONS: Final = 3
PAGE_WITH_TIME: Final = 1500
PAGE_WITHOUT_TIME: Final = 1000

_OTHER_WORDS: Final = {
    "provider": "'recipient_domain' (gmail.com) or 'recipient_provider' (Gmail)",
    "time": "time is there anyway; resolution='total' leaves it out",
    "account": "leave by= out for the whole account",
    "region": "ask regions=['us', 'eu']",
    "hour": "resolution='hour'",
    "day": "resolution='day'",
    "month": "resolution='month'",
}


@dataclass(frozen=True)
class Query:
    """One question to the Metrics API, checked.

    `counts` are the columns asked for, `keys` the dimensions beside time, `levels` what the frame
    calls them; `account` is the key of rows that have no other. `timed` is False for one total.
    `values` are what the first key has rows for, whether the answer has any or not.
    """

    client: Client
    counts: tuple[str, ...]
    keys: tuple[str, ...]
    window: Window
    timed: bool = True
    predicates: tuple[Predicate, ...] = field(default=(), hash=False)
    subaccounts: bool = False
    regions: tuple[str, ...] = ("",)
    fill: bool = True
    path: str = METRICS_PATH
    levels: tuple[str, ...] = ()
    account: str = "account"
    values: tuple[str, ...] = ()

    @property
    def endpoint(self) -> str:
        """What messages and attrs call the endpoint."""
        return f"POST {self.path}"

    @property
    def page(self) -> int:
        """The most rows of a page."""
        return PAGE_WITH_TIME if self.timed else PAGE_WITHOUT_TIME

    def level(self, key: str) -> str:
        """Return what the frame calls a key."""
        return dict(zip(self.keys or ("account",), self.levels, strict=False)).get(key, key)

    def is_silent(self) -> bool:
        """Whether only providers are asked about that report no complaints."""
        return name_silent_alone(self.predicates)

    def chunks(self) -> list[tuple[str, ...]]:
        """Return the counts of each request: as few requests as the limit of counts allows."""
        wanted = _to_request(self.counts)
        return [
            tuple(wanted[first : first + MOST_COUNTS])
            for first in range(0, len(wanted), MOST_COUNTS)
        ]

    def at_most(self) -> int | None:
        """Return how many rows there can be, None where the keys are not known."""
        rows = self._buckets() if self.timed else 1
        for key in self.keys:
            values = [len(p["values"]) for p in self.predicates if _names_all(p, key)]
            if not values:
                return None
            rows *= min(values)
        return rows

    def _buckets(self) -> int:
        days = (self.window.end - self.window.start).total_seconds() / 86_400
        if self.window.resolution == "month":
            return round(days / 30.4) + 1
        return round(days * (24 if self.window.resolution == "hour" else 1)) + 1

    def call(self, counts: Sequence[str], skip: int, region: str) -> Call:
        """Return the request for these counts after so many rows."""
        body = {**self.body(counts), "pagination": self._pagination(skip)}
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        return Call(
            "POST", self.path, body=text, endpoint=self.endpoint, budget="metrics", region=region
        )

    def body(self, counts: Sequence[str]) -> dict[str, Any]:
        """Return the request without its page."""
        window = self.window
        edge = {"duration": window.duration} if window.duration else {}
        start = {} if window.duration else {"start": api_time(window.start)}
        body: dict[str, Any] = {
            **start,
            **edge,
            "end": api_time(window.end),
            "resolution": window.resolution,
            "dimensions": [*(["time"] * self.timed), *self.keys],
            "metrics": [f"{name}_count" for name in counts],
        }
        if self.predicates:
            body["filter"] = {"AND": list(self.predicates)}
        if self.subaccounts:
            body["include_subaccounts"] = True
        return body

    def _pagination(self, skip: int) -> dict[str, Any]:
        # The API sorts by one column, so rows of one bucket may change places between pages: that
        # shows as a row that comes twice, and all pages are asked anew.
        first = "time" if self.timed else next(iter(self.keys), "")
        return {"sort": f"{first}:asc" if first else "", "skip": skip, "limit": self.page}


def name_silent_alone(predicates: Iterable[Predicate]) -> bool:
    """Return whether a filter lets through only providers that report no complaints."""
    return any(
        predicate["attribute"] in PROVIDER_LEVELS
        and predicate["comparator"] == "="
        and len(without_feedback_loop(texts)) == len(texts)
        for predicate in predicates
        for texts in [[value["value"] for value in predicate["values"]]]
    )


def _names_all(predicate: Predicate, key: str) -> bool:
    return (predicate["attribute"], predicate["comparator"]) == (key, "=")


def _to_request(counts: Iterable[str]) -> list[str]:
    """Return the counts to ask for: a sum whose parts are all asked for follows from them."""
    wanted = set(counts)
    follows = {
        name
        for name in wanted
        if COUNTS.get(name)
        and (terms := COUNTS[name].terms)
        and {part for _, part in terms} <= wanted
    }
    return in_order(wanted - follows)


# ---------------------------------------------------------------- reading arguments


def read_metrics_window(
    client: Client, resolution: str | None, **window: Any
) -> tuple[Window, bool]:
    """Return the window of a fetch function's arguments, and whether it has buckets.

    Raises
    ------
    QueryError
        The window is no window, or Mailgun has forgotten all of it.
    """
    if resolution not in (None, "hour", "day", "month", TOTAL):
        near = suggestion(resolution, ("hour", "day", "month", TOTAL))
        raise QueryError(
            f"resolution must be 'hour', 'day', 'month' or 'total'; got {resolution!r}{near}. For "
            "weeks, quarters or years fetch days and use df.mg.resample('W')."
        )
    timed = resolution != TOTAL
    found = resolve(
        **window,
        resolution=resolution if timed else _width_of_total(window),
        now=client.now(),
        duration_sets_resolution=False,
    )
    refuse_forgotten(found, client)
    return found, timed


def _width_of_total(window: Mapping[str, Any]) -> str | None:
    """Return hours where an edge lies inside a day, so that a total holds no more than asked."""
    edges = [edge for edge in (window.get("start"), window.get("end")) if edge is not None]
    return "hour" if any(names_hour(edge) for edge in edges) else None


def refuse_forgotten(window: Window, client: Client) -> None:
    """Raise :class:`QueryError` for a window that lies wholly before what Mailgun keeps."""
    since = kept_since(window.resolution, pd.Timestamp(client.now()))
    if window.end < since:
        raise QueryError(
            f"the window ends {window.end:%Y-%m-%d %H:%M} UTC, and Mailgun keeps "
            f"{window.resolution}s for {RETENTION_DAYS[window.resolution]} days, since "
            f"{since:%Y-%m-%d}; ask for a coarser resolution"
        )


def read_by(by: str | Iterable[str] | None, *, timed: bool) -> tuple[str, ...]:
    """Return the keys to group by, in the order given."""
    keys = () if by is None else _listed(by)
    for key in keys:
        if key not in METRICS_KEYS:
            near = _OTHER_WORDS.get(str(key))
            said = f"; {near}" if near else suggestion(key, METRICS_KEYS)
            raise QueryError(
                f"by={by!r}: {key!r} is no key of the Metrics API{said}; the keys are "
                f"{', '.join(METRICS_KEYS)}"
            )
    if len(set(keys)) < len(keys):
        raise QueryError(f"by={by!r} names a key twice")
    most = MOST_DIMENSIONS - timed
    if len(keys) > most:
        instead = "resolution='total', without time, takes three; " if timed else ""
        raise QueryError(
            f"by={by!r} names {len(keys)} keys and the Metrics API takes {most} here; {instead}"
            "or ask twice and narrow with where="
        )
    return keys


def read_counts(
    counts: str | Iterable[str] | None,
    keys: Collection[str] = (),
    among: Mapping[str, Any] = COUNTS,
) -> tuple[str, ...]:
    """Return the counts to fetch in their fixed order; a rate stands for the counts it needs.

    `keys` are what is grouped and filtered by: counts that have no such key are refused, and left
    out of the default, which is every count that a rate needs.
    """
    if counts is None:
        return tuple(in_order(name for name in _default_counts() if not _lacking(name, keys)))
    named = _listed(counts)
    if not named:
        raise QueryError("counts is empty; leave it out for all")
    wanted: dict[str, None] = {}
    for name in named:
        if not isinstance(name, str):
            raise QueryError(f"counts={counts!r} must be names of counts, such as 'delivered'")
        parts = _parts(name, among)
        for part in parts:
            if key := _lacking(part, keys):
                what = f"{name!r}" if part == name else f"{name!r}, which needs {part!r},"
                raise QueryError(f"{what} by {key} has no meaning: {KEYS[key].reason}")
        wanted |= dict.fromkeys(parts)
    return tuple(in_order(wanted))


def _listed(said: Any) -> tuple[Any, ...]:
    """Return what was said as a tuple, also where it is one thing."""
    many = isinstance(said, Iterable) and not isinstance(said, str)
    return tuple(said) if many else (said,)


def _default_counts() -> set[str]:
    return {name for rate in RATES.values() for name in (*rate.numerator, rate.denominator)}


def _parts(name: str, among: Mapping[str, Any]) -> list[str]:
    rates = {rate.mailgun: rate for rate in RATES.values() if rate.mailgun} | RATES
    if name in rates and among is COUNTS:
        return [*rates[name].numerator, rates[name].denominator]
    bare = str(name).removesuffix("_count")
    if bare not in among:
        near = suggestion(bare, [*among, *(RATES if among is COUNTS else ())])
        other = "mg.usage()" if bare in USAGE_COUNTS else "mg.metrics()" if bare in COUNTS else ""
        near = f" here; {other} has it" if other else near
        raise QueryError(f"counts: {name!r} is no count{near}; see mg.explain()")
    return [bare]


def _lacking(count: str, keys: Collection[str]) -> str | None:
    """Return the key that a count does not have, None where it has all."""
    return next((key for key in keys if count in KEYS[key].lacks), None)


def read_predicates(where: Where | None, keys: Sequence[str] = METRICS_KEYS) -> list[Predicate]:
    """Return the predicates of a filter, in the spelling of the Metrics API."""
    return [_as_sent(predicate) for predicate in read_where(where, keys)]


def _as_sent(predicate: Predicate) -> Predicate:
    texts = [value["value"] for value in predicate["values"]]
    sent = list(dict.fromkeys(s for t in texts for s in _spellings(predicate["attribute"], t)))
    return {**predicate, "values": [{"label": text, "value": text} for text in sent]}


def _spellings(key: str, text: str) -> list[str]:
    """Return how Mailgun may write what frames hold in lower case."""
    if key in ("country", "device", "recipient_provider") and text.lower() == "unknown":
        return ["Unknown", "unknown"]
    if key == "country":
        return [text.upper()]
    if key == "device":
        return [text.lower(), text.capitalize()]
    return [text.lower()] if key in ("domain", "recipient_domain") else [text]


def read_subaccounts(
    subaccounts: bool | None, keys: Collection[str], predicates: Iterable[Predicate]
) -> bool:
    """Return whether to include subaccounts; by default where the question names them."""
    named = "subaccount" in keys or any(p["attribute"] == "subaccount" for p in predicates)
    return named if subaccounts is None else bool(subaccounts)
