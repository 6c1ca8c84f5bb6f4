"""The Stats API: counts over time, each function one question and one frame.

Mailgun has deprecated this API in favour of its Metrics API; it still answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import tzinfo

import pandas as pd

from mgframe import parsing
from mgframe.answering import Asked, totals_frame
from mgframe.asking import (
    KEY_GROUPS,
    Group,
    account_key,
    make_call,
    notice,
    read_domains,
    read_events,
    read_filter,
    read_group,
    read_window,
    window_params,
)
from mgframe.client import Answer, Client
from mgframe.directory import active, listing
from mgframe.errors import QueryError
from mgframe.framing import meta_of, with_meta
from mgframe.planning import OnError, Question, check_on_error, client_of, fetch
from mgframe.replacing import (
    Api,
    account_by_metrics,
    by_metrics,
    domains_by_metrics,
    group_by_metrics,
    snapshot_by_metrics,
)
from mgframe.timespan import (
    Moment,
    Window,
    api_time,
    check_resolution,
    floor,
    read_moment,
)

# ---------------------------------------------------------------- totals


@fetch
def account_totals(
    *,
    events: str | Iterable[str] | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    last: str | None = None,
    period: str | None = None,
    duration: str | None = None,
    resolution: str | None = None,
    tz: str | tzinfo | None = None,
    partial: bool = False,
    api: Api = "stats",
    client: Client | None = None,
) -> Question:
    """Fetch the whole account's counts over time (GET /v3/stats/total).

    The Stats API is deprecated by Mailgun; it still answers.

    Parameters
    ----------
    events : str or iterable of str, optional
        What to ask for: accepted, delivered, failed, opened, clicked, unsubscribed, complained,
        stored; by default all.
    start, end : str, date or datetime, optional
        First and last bucket, both included; a naive time is UTC, a bare date as `end` means the
        whole day, no `end` means now.
    last : str, optional
        ``"24h"``, ``"7d"``, ``"4w"``, ``"3m"``: so many complete hours, days, weeks or months
        before the open bucket. Without any window: ``"7d"``.
    period : str, optional
        ``"2026-10"``, ``"2026-W47"``, ``"2026-Q3"``, ``"last week"``, ``"last month"`` ...
    duration : str, optional
        Mailgun's own: so many units up to the one that holds `end`, the open one included. It
        overrides `start` and carries its resolution.
    resolution : {"hour", "day", "month"}, optional
        The width of a bucket; by default that of the window's unit, else day. Mailgun keeps hours
        for 60 days and days for a year: older zeros come back as NA, with a warning.
    tz : str or tzinfo, optional
        The zone of the window's edges; needs hours. The index stays UTC.
    partial : bool, default False
        Whether `last` and `period` include the open bucket.
    api : {"stats", "metrics"}, default "stats"
        Whom to ask: ``"metrics"`` puts the same question to the API that replaces this one, and the
        frame is equal (see :func:`mgframe.parity`).
    client : Client, optional
        Whom to ask; by default a client made from the environment.

    Returns
    -------
    DataFrame
        Index: `time` (start of the bucket, UTC), `account` (``"account"`` or the subaccount's id).
        Columns: counts, ``Int64``, NA where not reported (see :func:`mgframe.explain`).

    Raises
    ------
    QueryError
        An argument is wrong; nothing was sent.
    ApiError, TransportError, ResponseError
        See :mod:`mgframe.errors`.

    Notes
    -----
    Source: Mailgun's OpenAPI document, Stats. Each account and region is counted on its own.

    Examples
    --------
    >>> import mgframe as mg
    >>> df = mg.account_totals(last="7d", client=mg.demo())
    >>> df.shape[0], df.index.names
    (7, FrozenList(['time', 'account']))
    """
    client, replaced = _whom(client, api)
    window = read_window(client, start, end, last, period, duration, resolution, tz, partial)
    chosen = read_events(events)
    if replaced:
        return account_by_metrics(client, chosen, window)
    call = make_call("/v3/stats/total", window_params(chosen, window), label=account_key(client))
    asked = Asked(client, call.endpoint, "account", chosen, window, call.params)
    return Question(client, (call,), lambda answers, failed: totals_frame(asked, answers, failed))


@fetch
def domain_totals(
    domain: str | Iterable[str] | None = None,
    *,
    events: str | Iterable[str] | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    last: str | None = None,
    period: str | None = None,
    duration: str | None = None,
    resolution: str | None = None,
    tz: str | tzinfo | None = None,
    partial: bool = False,
    on_error: OnError = "raise",
    progress: bool | None = None,
    api: Api = "stats",
    client: Client | None = None,
) -> Question:
    """Fetch counts over time of one domain, of several, or of all active ones.

    Asks GET /v3/{domain}/stats/total, side by side. The Stats API is deprecated by Mailgun; it
    still answers.

    Parameters
    ----------
    domain : str or iterable of str, optional
        One domain or several; by default every active one that :func:`mgframe.domains` lists.
    events, start, end, last, period, duration, resolution, tz, partial
        As in :func:`mgframe.account_totals`.
    on_error : {"raise", "warn"}, default "raise"
        When some domains fail: raise the first error, or keep the rest, warn which failed and why,
        and note it in ``attrs["mgframe"]["failed"]``. When all fail it is always an error.
    progress : bool, optional
        Show a progress bar; by default on a terminal or in a notebook, for more than one request.
    api : {"stats", "metrics"}, default "stats"
        As in :func:`mgframe.account_totals`; the Metrics API is asked for all domains at once, so
        that ``on_error="warn"`` is about domains that the account does not have.
    client : Client, optional
        Whom to ask; by default a client made from the environment.

    Returns
    -------
    DataFrame
        Index: `time` (start of the bucket, UTC), `domain`. Columns: counts, ``Int64``, NA where
        not reported (see :func:`mgframe.explain`).

    Raises
    ------
    QueryError
        An argument is wrong; nothing was sent.
    NotFound, AuthenticationError
        No such domain in this account and region; the message says when the other region has it.
    ApiError, TransportError, ResponseError
        See :mod:`mgframe.errors`.

    Notes
    -----
    Source: Mailgun's OpenAPI document, Stats.

    Examples
    --------
    >>> import mgframe as mg
    >>> df = mg.domain_totals("news.example.com", last="30d", client=mg.demo())
    >>> df.mg.rates(["delivery_rate", "bounce_rate"]).shape
    (30, 2)
    """
    client, replaced = _whom(client, api)
    window = read_window(client, start, end, last, period, duration, resolution, tz, partial)
    chosen, whether = read_events(events), check_on_error(on_error)
    if replaced:
        names = None if domain is None else read_domains(domain)
        return domains_by_metrics(
            client, names, chosen, window, on_error=whether, progress=progress
        )
    params = window_params(chosen, window)
    endpoint = "GET /v3/{domain}/stats/total"
    asked = Asked(client, endpoint, "domain", chosen, window, params=params)

    def of_domains(names: list[str]) -> pd.DataFrame | Question:
        calls = tuple(make_call("/v3/{domain}/stats/total", params, label=name) for name in names)
        if not calls:
            return totals_frame(asked, [], {})
        return Question(
            client,
            calls,
            lambda answers, failed: totals_frame(asked, answers, failed),
            on_error=whether,
            progress=progress,
        )

    if domain is None:
        pages = listing(client, lambda table: of_domains(active(table)))
        return Question(client, pages.calls, pages.finish, "one request for each active domain")
    question = of_domains(read_domains(domain))
    assert isinstance(question, Question)
    return question


@fetch
def domain_snapshot(
    at: Moment,
    *,
    events: str | Iterable[str] | None = None,
    resolution: str = "day",
    limit: int | None = None,
    api: Api = "stats",
    client: Client | None = None,
) -> Question:
    """Fetch one bucket of every domain (GET /v3/stats/total/domains).

    The Stats API is deprecated by Mailgun; it still answers.

    Parameters
    ----------
    at : str, date or datetime
        A moment in the bucket; a naive time is UTC.
    events : str or iterable of str, optional
        As in :func:`mgframe.account_totals`.
    resolution : {"hour", "day", "month"}, default "day"
        The width of the bucket.
    limit : int, optional
        Mailgun's own parameter, documented as the number of domains to skip: one page after so
        many. By default every page is read, whichever way the server reads `limit`.
    api : {"stats", "metrics"}, default "stats"
        As in :func:`mgframe.account_totals`.
    client : Client, optional
        Whom to ask; by default a client made from the environment.

    Returns
    -------
    DataFrame
        Index: `time` (start of the bucket, UTC), `domain`. Columns: counts, ``Int64``.
        ``attrs["mgframe"]`` notes the answer's `shape` and how it read `limit`.

    Raises
    ------
    QueryError
        An argument is wrong; nothing was sent.
    ApiError, TransportError, ResponseError
        See :mod:`mgframe.errors`.

    Notes
    -----
    Source: Mailgun's OpenAPI document, Stats. Public material does not settle which member of an
    item names the domain; rows without one are ``"(none)"``. `domain_totals` needs no guess.

    Examples
    --------
    >>> import mgframe as mg
    >>> mg.domain_snapshot("2026-11-13", events="delivered", client=mg.demo()).shape[0]
    3
    """
    client, replaced = _whom(client, api)
    chosen, width = read_events(events), check_resolution(resolution)
    moment = floor(read_moment(at, argument="at"), width)
    if moment > pd.Timestamp(client.now()):
        raise QueryError(f"at={at!r} lies after now ({client.now():%Y-%m-%d %H:%M} UTC)")
    if replaced:
        if limit is not None:
            raise QueryError("limit belongs to the Stats API; api='metrics' reads every domain")
        return snapshot_by_metrics(client, chosen, moment, width)
    params = (
        *(("event", event) for event in chosen),
        ("timestamp", api_time(moment)),
        ("resolution", width),
    )
    window = Window(moment, moment, width)
    endpoint = "GET /v3/stats/total/domains"
    asked = Asked(client, endpoint, "domain", chosen, window, by="domain", params=params)
    if limit is None:
        return _snapshot_page(asked, [], frozenset(), None)
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
        raise QueryError(f"limit={limit!r} must be a whole number: how many domains to skip")
    call = make_call("/v3/stats/total/domains", (*params, ("limit", str(limit))))
    return Question(client, (call,), lambda answers, failed: totals_frame(asked, answers, failed))


@fetch
def grouped_totals(
    by: Group | None = None,
    *,
    where: Mapping[str, str] | None = None,
    events: str | Iterable[str] | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    last: str | None = None,
    period: str | None = None,
    duration: str | None = None,
    resolution: str | None = None,
    tz: str | tzinfo | None = None,
    partial: bool = False,
    api: Api = "stats",
    client: Client | None = None,
) -> Question:
    """Fetch the account's counts over time by a group (GET /v3/stats/filter).

    The Stats API is deprecated by Mailgun; it still answers.

    Parameters
    ----------
    by : str, optional
        The group: domain, ip, provider (a recipient domain), tag, country, subaccount, ip_pool;
        or total (one bucket for the window), time, day, month, which keep the whole account.
    where : mapping, optional
        One filter: ``{"domain": "a.com"}``, ``{"subaccount": id}`` or ``{"ip_pool": id}``.
    events, start, end, last, period, duration, resolution, tz, partial
        As in :func:`mgframe.account_totals`.
    api : {"stats", "metrics"}, default "stats"
        As in :func:`mgframe.account_totals`; `provider` is then asked as recipient_domain, and the
        Metrics API's row of untagged mail, which the Stats API does not have, is left out.
    client : Client, optional
        Whom to ask; by default a client made from the environment.

    Returns
    -------
    DataFrame
        Index: `time` (start of the bucket, UTC), the group's key, ``"(none)"`` where a row has
        none. Columns: counts, ``Int64``. ``attrs["mgframe"]["shape"]`` notes which shape matched.

    Raises
    ------
    QueryError
        An argument is wrong; nothing was sent.
    ResponseError
        Two rows without a key in one bucket: nothing tells them apart.
    ApiError, TransportError
        See :mod:`mgframe.errors`.

    Notes
    -----
    Source: Mailgun's OpenAPI document, Stats; its old documentation for subaccount and ip_pool.
    Accepted mail has no IP, and only engagement has a country. A message may carry several tags.

    Examples
    --------
    >>> import mgframe as mg
    >>> df = mg.grouped_totals("provider", last="7d", client=mg.demo())
    >>> df.index.names
    FrozenList(['time', 'provider'])
    """
    client, replaced = _whom(client, api)
    window = read_window(client, start, end, last, period, duration, resolution, tz, partial)
    chosen, group, filters = read_events(events), read_group(by), read_filter(where)
    if replaced:
        return group_by_metrics(client, group, filters, chosen, window)
    params = window_params(chosen, window) + filters + ((("group", group),) if group else ())
    key_group = group if group in KEY_GROUPS else None
    # Without a group the rows are those of the filter, not of the whole account.
    level, key = filters[0][1].split(":", 1) if filters else ("account", account_key(client))
    call = make_call("/v3/stats/filter", params, label=key)
    asked = Asked(
        client,
        call.endpoint,
        key_group or level,
        chosen,
        window,
        params,
        by=key_group,
        one_bucket=group == "total",
    )
    return Question(client, (call,), lambda answers, failed: totals_frame(asked, answers, failed))


def _whom(client: Client | None, api: str) -> tuple[Client, bool]:
    """Return the client, and whether to ask the replacement; asking the Stats API is noticed."""
    known, replaced = client_of(client), by_metrics(api)
    if not replaced:
        notice()
    return known, replaced


# ---------------------------------------------------------------- pages of the snapshot


def _snapshot_page(
    asked: Asked, pages: list[Answer], known: frozenset[str], limit: int | None
) -> Question:
    """Ask page after page, whichever way the server reads ``limit``.

    Documented is "domains to skip": then the rows of each page are added to the limit, until a page
    is empty. Where it is the size of a page instead, the same sum makes each page twice as large,
    until one that holds all domains known so far is shorter than was asked for.
    """
    extra = () if limit is None else (("limit", str(limit)),)
    call = make_call("/v3/stats/total/domains", asked.params + extra)

    def finish(answers: list[Answer], failed: dict[str, str]) -> pd.DataFrame | Question:
        read = [*pages, *answers]
        found = parsing.grouped_rows(answers[0].body, "domain").keys
        everything = known.issubset(found) and len(found) < (limit or 0)
        if everything or not found:
            return _snapshot_frame(asked, read, "size" if everything else "skip", failed)
        return _snapshot_page(asked, read, known.union(found), (limit or 0) + len(found))

    follow_up = "a request for each further page of domains"
    return Question(asked.client, (call,), finish, follow_up)


def _snapshot_frame(
    asked: Asked, pages: list[Answer], reading: str, failed: dict[str, str]
) -> pd.DataFrame:
    frame = totals_frame(asked, pages, failed)
    return with_meta(frame, {**meta_of(frame), "limit_read_as": reading})
