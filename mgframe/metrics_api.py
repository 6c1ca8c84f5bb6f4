"""The Metrics API: any counts by any keys, and what else the account used."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo
from typing import Final

import pandas as pd

from mgframe import directory
from mgframe.asking import account_key
from mgframe.client import Client
from mgframe.errors import QueryError, suggestion
from mgframe.filtering import Where
from mgframe.metrics_asking import (
    METRICS_KEYS,
    Query,
    read_by,
    read_counts,
    read_metrics_window,
    read_predicates,
    read_subaccounts,
)
from mgframe.metrics_querying import ask
from mgframe.planning import Question, client_of, fetch, regions_of
from mgframe.timespan import Moment
from mgframe.vocabulary import KEYS, USAGE_COUNTS

_USAGE_PATH: Final = "/v1/analytics/usage/metrics"
_USAGE_SINCE: Final = pd.Timestamp("2024-09-01", tz="UTC")


@fetch
def metrics(
    counts: str | Iterable[str] | None = None,
    *,
    by: str | Iterable[str] | None = None,
    where: Where | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    last: str | None = None,
    period: str | None = None,
    duration: str | None = None,
    resolution: str | None = None,
    tz: str | tzinfo | None = None,
    partial: bool = False,
    fill: bool = True,
    subaccounts: bool | None = None,
    regions: str | Iterable[str] | None = None,
    progress: bool | None = None,
    client: Client | None = None,
) -> Question:
    """Fetch counts by up to two keys over time, or by three in total (POST /v1/analytics/metrics).

    Parameters
    ----------
    counts : str or iterable of str, optional
        Counts, with or without ``_count``; a rate's name stands for the counts it needs. By default
        every count that a rate needs and the keys have.
    by : str or iterable of str, optional
        Up to two keys beside time, three with ``resolution="total"``: domain, subaccount, ip,
        ip_pool, recipient_domain, recipient_provider, country, device, tag, bot. By default the
        whole account.
    where : mapping, optional
        Filters, all of which must hold: key to a value, to a list (any of them), or to
        :func:`mgframe.contains`, :func:`mgframe.not_contains`, :func:`mgframe.is_not`.
    start, end, last, period, tz, partial
        As in :func:`mgframe.account_totals`.
    duration : str, optional
        Mailgun's own: so far back from `end`. Here it does not set the resolution.
    resolution : {"hour", "day", "month", "total"}, optional
        The width of a bucket; ``"total"`` adds up the window, and the frame has no `time`.
    fill : bool, default True
        Whether every key has a row for every bucket: what the API leaves out is 0. False keeps the
        rows of the answer.
    subaccounts : bool, optional
        Whether to include subaccounts; by default where `by` or `where` name them.
    regions : str or iterable of str, optional
        ``["us", "eu"]``: ask each, and tell them apart by a level `region`. By default the client's
        own region, without that level.
    progress : bool, optional
        Show a progress bar; by default on a terminal or in a notebook, for more than one request.
    client : Client, optional
        Whom to ask; by default a client made from the environment.

    Returns
    -------
    DataFrame
        Index: `time` (start of the bucket, UTC), then `region` where asked and the keys of `by`, or
        `account`. Columns: counts, ``Int64``, NA where not reported or beyond what Mailgun keeps
        (hours 60 days, days a year). Countries, devices and unknown are lower case, a missing key
        is ``"(none)"``. ``attrs["mgframe"]["names"]`` has the names of ids.

    Raises
    ------
    QueryError
        An argument is wrong, a count has no such key, or Mailgun keeps nothing of the window;
        nothing was sent.
    ResponseError
        The pages hold fewer rows than their total, contradict each other twice, or the hours show
        that they are not UTC's although they say so (:func:`mgframe.reconcile` finds it where they
        do not show it).
    ApiError, TransportError
        See :mod:`mgframe.errors`; the message names the page.

    Notes
    -----
    Source: Mailgun's OpenAPI document and user manual, Metrics. At most 10 counts a request and
    1,500 rows a page (1,000 without time): more are asked side by side and joined. A sum whose
    parts are all asked for (``sent``, ``bounced`` ...) is added up here, not asked. A message may
    carry several tags; untagged mail is under ``"Untagged"``. Uniques are counted per bot class.

    Examples
    --------
    >>> import mgframe as mg
    >>> df = mg.metrics(["delivery_rate", "complained"], by=["domain", "recipient_provider"],
    ...                 where={"recipient_provider": ["Gmail", "Yahoo"]}, last="7d",
    ...                 client=mg.demo())
    >>> df.index.names, list(df.columns)
    (FrozenList(['time', 'domain', 'recipient_provider']), ['sent', 'delivered', 'complained'])
    """
    client = client_of(client)
    window, timed = read_metrics_window(
        client, resolution, start=start, end=end, last=last, period=period,
        duration=duration, tz=tz, partial=partial,
    )  # fmt: skip
    keys, predicates = read_by(by, timed=timed), read_predicates(where)
    concerned = [*keys, *(predicate["attribute"] for predicate in predicates)]
    query = Query(
        client,
        read_counts(counts, concerned),
        keys,
        window,
        timed,
        tuple(predicates),
        read_subaccounts(subaccounts, keys, predicates),
        regions_of(client, regions),
        fill,
        account=account_key(client),
    )
    return ask(query, progress=progress)


@fetch
def usage(
    counts: str | Iterable[str] | None = None,
    *,
    by: str | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    last: str | None = None,
    period: str | None = None,
    duration: str | None = None,
    resolution: str | None = None,
    partial: bool = False,
    subaccounts: bool | None = None,
    progress: bool | None = None,
    client: Client | None = None,
) -> Question:
    """Fetch what the account used: validations, previews, mail billed and more.

    Asks POST /v1/analytics/usage/metrics.

    Parameters
    ----------
    counts : str or iterable of str, optional
        Such as ``"email_validation"`` or ``"processed"``; by default all.
    by : {"subaccount"}, optional
        Tell subaccounts apart; by default the whole account.
    start, end, last, period, duration, partial
        As in :func:`mgframe.metrics`.
    resolution : {"day", "month", "total"}, optional
        The width of a bucket; Mailgun counts usage by day.
    subaccounts, progress, client
        As in :func:`mgframe.metrics`.

    Returns
    -------
    DataFrame
        Index: `time` (start of the bucket, UTC; none for a total), `account` or `subaccount`.
        Columns: counts, ``Int64``.

    Raises
    ------
    QueryError
        An argument is wrong, or the window begins before 2024-09-01; nothing was sent.
    ApiError, TransportError, ResponseError
        See :mod:`mgframe.errors`.

    Notes
    -----
    Source: Mailgun's OpenAPI document, Usage metrics; data begin on 2024-09-01.

    Examples
    --------
    >>> import mgframe as mg
    >>> mg.usage("email_validation", last="3m", client=mg.demo()).shape
    (3, 1)
    """
    client = client_of(client)
    by = by[0] if isinstance(by, list | tuple) and len(by) == 1 else by
    if by not in (None, "subaccount"):
        raise QueryError(
            f"by={by!r}: usage is counted by subaccount or for the whole account"
            f"{suggestion(by, ['subaccount'])}; mg.metrics() has the other keys"
        )
    if resolution == "hour" or str(last).endswith("h"):
        raise QueryError("usage is counted by day: ask resolution='day' and last='7d'")
    window, timed = read_metrics_window(
        client, resolution, start=start, end=end, last=last, period=period,
        duration=duration, tz=None, partial=partial,
    )  # fmt: skip
    if window.start < _USAGE_SINCE:
        raise QueryError(
            f"the window begins {window.start:%Y-%m-%d} and Mailgun has usage since 2024-09-01; "
            "start='2024-09-01' is the earliest"
        )
    keys = (by,) if by else ()
    chosen = tuple(USAGE_COUNTS) if counts is None else read_counts(counts, among=USAGE_COUNTS)
    query = Query(
        client,
        chosen,
        keys,
        window,
        timed,
        subaccounts=read_subaccounts(subaccounts, keys, ()),
        path=_USAGE_PATH,
        account=account_key(client),
    )
    return ask(query, progress=progress)


def names(client: Client, key: str) -> dict[str, str]:
    """Return what the ids of a key are called, such as the names of subaccounts and IP pools.

    Parameters
    ----------
    client : Client
        Whom to ask.
    key : str
        ``"subaccount"``, ``"ip_pool"``, or any other key of :func:`mgframe.metrics`.

    Returns
    -------
    dict of str to str
        Id to name; only where the name is another text. What earlier answers told is kept, and
        subaccounts are listed; for other keys the last 30 days are asked once.

    Raises
    ------
    QueryError
        There is no such key.
    ApiError, TransportError, ResponseError
        See :mod:`mgframe.errors`.

    Notes
    -----
    Source: Mailgun's OpenAPI document: `display_value` of a dimension, and Subaccounts.

    Examples
    --------
    >>> import mgframe as mg
    >>> client = mg.demo()
    >>> df = mg.metrics("delivered", by="subaccount", last="7d", client=client)
    >>> df = df.rename(index=mg.names(client, "subaccount"), level="subaccount")
    """
    client = client_of(client)
    if key not in METRICS_KEYS:
        raise QueryError(
            f"{key!r} is no key of the Metrics API{suggestion(key, METRICS_KEYS)}; the keys are "
            f"{', '.join(METRICS_KEYS)}"
        )
    if key == "subaccount":
        table = directory.subaccounts(client=client)
        client.remember({key: dict(zip(table["id"], table["name"], strict=True))})
    elif key not in client.named:
        counted = "opened" if "delivered" in KEYS[key].lacks else "delivered"
        metrics(counted, by=key, last="30d", resolution="total", client=client)
        client.named.add(key)
    return dict(client.names.get(key, {}))
