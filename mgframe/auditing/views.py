"""The views that one account has of the same mail: questions to both APIs over one window."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.asking import account_key
from mgframe.client import Answer, Call, Client
from mgframe.directory import domains, listing
from mgframe.framing import empty_frame, kept_since, make_index
from mgframe.joining import question_of
from mgframe.metrics_api import metrics
from mgframe.metrics_asking import MOST_COUNTS, Query
from mgframe.metrics_parsing import Page, read_page
from mgframe.paging import Pages, Series, every_page
from mgframe.parsing import Json
from mgframe.planning import Question, Unsteady
from mgframe.stats_api import account_totals, domain_totals, grouped_totals
from mgframe.timespan import Window, floor, shift
from mgframe.vocabulary import COUNTS, EVENTS, RATES, Rate, counts_of

#: The domains of the account, with which no counts are compared.
LISTING: Final = "domains"
# The name of each view, as the table shows it.
ACCOUNT: Final = "account_totals"
DOMAINS: Final = "domain_totals"
GROUPED_DOMAINS: Final = "grouped_totals by domain"
GROUPED_PROVIDERS: Final = "grouped_totals by provider"
ACCOUNT_HOURS: Final = "account_totals by hour"
ACCOUNT_MONTH: Final = "account_totals by month"
ACCOUNT_DAYS: Final = "account_totals by day of the month"
METRICS: Final = "metrics"
METRICS_DOMAINS: Final = "metrics by domain"
METRICS_PROVIDERS: Final = "metrics by recipient_provider"
METRICS_TAGS: Final = "metrics by tag"
METRICS_HOURS: Final = "metrics by hour"
METRICS_MONTH: Final = "metrics by month"
METRICS_DAYS: Final = "metrics by day of the month"
METRICS_RATES: Final = "metrics with rates"

#: What the Stats API reports and the Metrics API documents to be asked for.
SHARED_COUNTS: Final = tuple(name for name in counts_of(EVENTS) if name != "stored")
#: What mail with a tag has; unique counts would not add up over the window.
TAG_COUNTS: Final = (
    "delivered_smtp", "permanent_failed", "opened", "clicked", "unsubscribed", "complained",
)  # fmt: skip


@dataclass(frozen=True)
class Windows:
    """The windows of one reconciliation: its days, their hours, and the last complete month.

    `hours` is None where Mailgun has forgotten all of them.
    """

    days: Window
    hours: Window | None
    month: Window
    days_of_month: Window


def windows_of(days: Window, now: pd.Timestamp) -> Windows:
    """Return the windows that go with complete days."""
    first = max(days.start, floor(kept_since("hour", now) + pd.Timedelta(hours=23), "day"))
    last = days.end + pd.Timedelta(hours=23)
    this_month = floor(now, "month")
    month = shift(this_month, -1, "month")
    return Windows(
        days,
        Window(first, last, "hour") if first <= last else None,
        Window(month, month, "month"),
        Window(month, shift(this_month, -1, "day"), "day"),
    )


def questions_of(client: Client, windows: Windows) -> dict[str, Question]:
    """Return the question of every view."""
    days = _edges(windows.days)
    stats = partial(question_of, client=client)
    shared = partial(question_of, metrics, SHARED_COUNTS, client=client)
    of_tags = {**days, "by": "tag", "resolution": "total"}
    questions = {
        LISTING: question_of(domains, client=client),
        ACCOUNT: stats(account_totals, **days),
        DOMAINS: _all_domains(client, windows.days),
        GROUPED_DOMAINS: stats(grouped_totals, "domain", **days),
        GROUPED_PROVIDERS: stats(grouped_totals, "provider", **days),
        ACCOUNT_MONTH: stats(account_totals, **_edges(windows.month)),
        ACCOUNT_DAYS: stats(account_totals, **_edges(windows.days_of_month)),
        METRICS: shared(**days),
        METRICS_DOMAINS: shared(by="domain", **days),
        METRICS_PROVIDERS: shared(by="recipient_provider", **days),
        METRICS_TAGS: question_of(metrics, TAG_COUNTS, client=client, **of_tags),
        METRICS_MONTH: shared(**_edges(windows.month)),
        METRICS_DAYS: shared(**_edges(windows.days_of_month)),
        METRICS_RATES: rates_question(client, windows.days),
    }
    if windows.hours is not None:
        hours = _edges(windows.hours)
        questions[ACCOUNT_HOURS] = stats(account_totals, **hours)
        questions[METRICS_HOURS] = shared(**hours)
    return questions


def _edges(window: Window) -> dict[str, Any]:
    return {"start": window.start, "end": window.end, "resolution": window.resolution}


def _all_domains(client: Client, window: Window) -> Question:
    """Ask every domain of the listing; what a disabled one sent is in the account's totals too."""

    def each(table: pd.DataFrame) -> pd.DataFrame | Question:
        names = list(table["name"])
        if not names:
            return empty_frame(["time", "domain"], list(SHARED_COUNTS))
        asked = {**_edges(window), "on_error": "warn"}
        return question_of(domain_totals, names, client=client, **asked)

    return listing(client, each)


# ---------------------------------------------------------------- rates as Mailgun reports them


@dataclass(frozen=True)
class RatedPage:
    """A page of counts, and beside it the rates as they were written."""

    page: Page
    rates: dict[str, list[Json]]

    @property
    def size(self) -> int:
        """How many rows it has."""
        return self.page.size

    @property
    def total(self) -> int | None:
        """How many rows there are."""
        return self.page.total


def rate_chunks() -> list[list[Rate]]:
    """Return the rates of each request: with the counts they need, as many as the limit allows."""
    chunks: list[list[Rate]] = [[]]
    known = [rate for rate in RATES.values() if rate.mailgun]
    for rate in sorted(known, key=lambda rate: rate.denominator):
        if len(names_asked([*chunks[-1], rate])) > MOST_COUNTS:
            chunks.append([])
        chunks[-1].append(rate)
    return chunks


def counts_asked(rates: list[Rate]) -> list[str]:
    """Return the counts that the rates are made of."""
    needed = {name for rate in rates for name in (*rate.numerator, rate.denominator)}
    return [name for name in COUNTS if name in needed]


def names_asked(rates: list[Rate]) -> list[str]:
    """Return the rates and the counts they are made of, as the API calls them."""
    return [*(COUNTS[name].metric for name in counts_asked(rates)), *(r.mailgun for r in rates)]


def rates_question(client: Client, window: Window) -> Question:
    """Return the question for rates and counts of the account, as Mailgun itself reports them.

    Its frame has the counts, and Mailgun's rates as objects: the texts that the answer holds.
    """
    query = Query(client, (), (), window, account=account_key(client))
    series = [
        Series(
            call=partial(_rates_call, query, rates),
            limit=query.page,
            rows=attrgetter("size"),
            total=attrgetter("total"),
            at_most=query.at_most(),
            read=partial(_read_rates, rates),
        )
        for rates in rate_chunks()
    ]
    return every_page(client, series, partial(_rates_frame, query))


def _rates_call(query: Query, rates: list[Rate], skip: int) -> Call:
    page = {"sort": "time:asc", "skip": skip, "limit": query.page}
    body = {**query.body(()), "metrics": names_asked(rates), "pagination": page}
    text = json.dumps(body, separators=(",", ":"))
    return Call("POST", query.path, body=text, endpoint=query.endpoint, budget="metrics")


def _read_rates(rates: list[Rate], body: Json) -> RatedPage:
    texts: dict[str, list[Json]] = {rate.mailgun: [] for rate in rates}
    items = body.get("items") if isinstance(body, dict) else None
    for item in items if isinstance(items, list) else ():
        reported = item.get("metrics") if isinstance(item, dict) else None
        for name, found in texts.items():  # a reader of counts would take a rate for a stranger
            found.append(reported.pop(name, None) if isinstance(reported, dict) else None)
    return RatedPage(read_page(body, (), counts_asked(rates), timed=True), texts)


def _rates_frame(query: Query, read: list[Pages]) -> pd.DataFrame:
    """Return all counts and rates by bucket; where the answer leaves one out, counts are 0."""
    parts = [pd.concat([_columns(answer) for answer in pages]) for pages in read]
    if any(part.index.has_duplicates for part in parts):
        raise Unsteady("the answer holds a bucket twice, as when an account counts on")
    times: pd.Index = query.window.buckets()
    for part in parts:
        times = times.union(part.index)
    columns: dict[str, Any] = {}
    for part in parts:
        place = part.index.get_indexer(times)
        for name in part.columns.difference(list(columns)):
            values = part[name].array.take(place, allow_fill=True)
            if name in COUNTS:
                values[place < 0] = 0
            columns[name] = values
    index = make_index(pd.DatetimeIndex(times), {"account": np.full(len(times), query.account)})
    return pd.DataFrame(columns, index=index)


def _columns(answer: Answer) -> pd.DataFrame:
    rated: RatedPage = answer.body
    texts = {name: pd.Series(values, dtype=object).array for name, values in rated.rates.items()}
    return pd.DataFrame({**rated.page.counts, **texts}, index=rated.page.times)
