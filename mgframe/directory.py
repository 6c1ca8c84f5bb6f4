"""Directories of the account, as plain tables: its domains, tags and subaccounts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pandas as pd

from mgframe.asking import read_domains
from mgframe.client import Answer, Call, Client, segment
from mgframe.errors import QueryError, ResponseError
from mgframe.listings import (
    PAGE,
    Items,
    Kind,
    every_item,
    finished_table,
    moment_column,
    text_column,
    text_columns,
)
from mgframe.paging import Pages
from mgframe.planning import Question, client_of, fetch, regions_of
from mgframe.vocabulary import NO_KEY

_DOMAINS: Final = "GET /v4/domains"
_SUBACCOUNTS: Final = "GET /v5/accounts/subaccounts"
_TAGS: Final = "POST /v1/analytics/tags"
_TAGS_OF_DOMAIN: Final = "GET /v3/{domain}/tags"

#: The columns of each table that are texts, called as in the answers.
_DOMAIN_TEXTS: Final = ("name", "state", "type", "id")
_SUBACCOUNT_TEXTS: Final = ("id", "name", "status")
_TAG_TEXTS: Final = ("tag", "description", "account_id", "account_name")

Regions = str | Iterable[str]
Then = Callable[[pd.DataFrame], pd.DataFrame | Question]


# ---------------------------------------------------------------- domains


@fetch
def domains(*, regions: Regions | None = None, client: Client | None = None) -> Question:
    """List the account's domains (GET /v4/domains, every page).

    Parameters
    ----------
    regions : str or iterable of str, optional
        ``["us", "eu"]`` asks both; by default the client's own. Each region knows its own domains.
    client : Client, optional
        Whom to ask; by default a client made from the environment.

    Returns
    -------
    DataFrame
        One row a domain, sorted by name: `name`, `state` (``active``, ``unverified``,
        ``disabled``), `type`, `is_disabled` (bool), `created_at` (UTC, NaT where the answer has
        none), `id`, `region`.

    Raises
    ------
    QueryError
        A region that this client cannot ask; nothing was sent.
    ResponseError
        The pages hold fewer domains than the answer's own total, or one twice, and again when they
        are read once more.
    ApiError, TransportError
        See :mod:`mgframe.errors`.

    Notes
    -----
    Source: Mailgun's OpenAPI document, Domains.

    Examples
    --------
    >>> import mgframe as mg
    >>> mg.domains(client=mg.demo())[["name", "state"]]
                   name   state
    0  mail.example.com  active
    1  news.example.com  active
    2  shop.example.com  active
    """
    return listing(client_of(client), lambda table: table, regions=regions)


def listing(client: Client, then: Then, *, regions: Regions | None = None) -> Question:
    """Return the question for every page of domains; `then` takes the finished table."""

    def call(region: str, skip: int) -> Call:
        params = (("limit", str(PAGE)), ("skip", str(skip)))
        return Call("GET", "/v4/domains", params, endpoint=_DOMAINS, region=region)

    def finish(items: Items, regions: list[str], answers: Pages) -> pd.DataFrame | Question:
        columns: dict[str, Any] = text_columns(items, _DOMAIN_TEXTS, _DOMAINS)
        table = pd.DataFrame(
            {
                **{name: columns[name] for name in ("name", "state", "type")},
                "is_disabled": np.array([i.get("is_disabled") is True for i in items], dtype=bool),
                "created_at": moment_column(items, "created_at"),
                "id": columns["id"],
                "region": text_column(regions),
            }
        )
        return then(finished_table(table, ["name", "region"], _DOMAINS, client, answers))

    kind = Kind(_DOMAINS, "items", ("name",), lambda body: body.get("total_count"))
    return every_item(client, kind, call, finish, regions_of(client, regions))


def active(table: pd.DataFrame) -> list[str]:
    """Return the names of the domains that can send."""
    return list(table.loc[(table["state"] == "active") & ~table["is_disabled"], "name"])


# ---------------------------------------------------------------- subaccounts


@fetch
def subaccounts(*, client: Client | None = None) -> Question:
    """List the account's subaccounts (GET /v5/accounts/subaccounts, every page).

    Parameters
    ----------
    client : Client, optional
        Whom to ask; by default a client made from the environment. Accounts are the same in every
        region.

    Returns
    -------
    DataFrame
        One row a subaccount, sorted by name: `id` (for ``mg.Client(subaccount=...)``), `name`,
        `status` (``open``, ``disabled``, ``closed``).

    Raises
    ------
    ResponseError
        The pages hold fewer subaccounts than the answer's own total, or one twice, and again when
        they are read once more.
    ApiError, TransportError
        See :mod:`mgframe.errors`.

    Notes
    -----
    Source: Mailgun's OpenAPI document, Subaccounts.

    Examples
    --------
    >>> import mgframe as mg
    >>> mg.subaccounts(client=mg.demo())
                             id                   name status
    0  6711a4c0e92f3b5d8e04c7a1  shop.example.com team   open
    """
    client = client_of(client)

    def call(region: str, skip: int) -> Call:
        params = (("limit", str(PAGE)), ("skip", str(skip)))
        return Call("GET", "/v5/accounts/subaccounts", params, endpoint=_SUBACCOUNTS)

    def finish(items: Items, regions: list[str], answers: Pages) -> pd.DataFrame:
        table = pd.DataFrame(text_columns(items, _SUBACCOUNT_TEXTS, _SUBACCOUNTS))
        return finished_table(table, ["name", "id"], _SUBACCOUNTS, client, answers)

    kind = Kind(_SUBACCOUNTS, "subaccounts", ("id",), lambda body: body.get("total"))
    return every_item(client, kind, call, finish, ("",))


# ---------------------------------------------------------------- tags


@fetch
def tags(
    domain: str | None = None,
    *,
    prefix: str | None = None,
    subaccounts: bool = False,
    regions: Regions | None = None,
    client: Client | None = None,
) -> Question:
    """List the tags of the account, or of one domain.

    Asks POST /v1/analytics/tags for the account and GET /v3/{domain}/tags for a domain, every page.
    The listing of one domain is deprecated by Mailgun; it still answers, and nothing replaces it.

    Parameters
    ----------
    domain : str, optional
        List the tags of this domain; by default those of the account, which say no domain.
    prefix : str, optional
        Only tags that begin with this text.
    subaccounts : bool, default False
        List the tags of subaccounts too, each with its account; not with `domain`.
    regions : str or iterable of str, optional
        As in :func:`mgframe.domains`; not with `domain`, which lives in one region.
    client : Client, optional
        Whom to ask; by default a client made from the environment.

    Returns
    -------
    DataFrame
        One row a tag (and account, and region), sorted by tag: `tag`, `description`, `first_seen`,
        `last_seen` (UTC, NaT where the answer has none), `domain`, `account_id`, `account_name`
        (``"(none)"`` where the listing does not tell), `region`. Mailgun lists no tag that was not
        used for some time (30 days); its statistics stay.

    Raises
    ------
    QueryError
        An argument is wrong; nothing was sent.
    ResponseError
        The pages hold fewer tags than the answer's own total, or one twice, and again when they are
        read once more; a full page of a domain's tags that were all listed before; a tag without a
        name, or a time that is none.
    ApiError, TransportError
        See :mod:`mgframe.errors`.

    Notes
    -----
    Source: Mailgun's OpenAPI document, Tags and Tags New. A domain's pages are chained by addresses
    of which only the query is used: nothing is sent to another host. A tag that comes again on a
    later page of a domain counts once.

    Examples
    --------
    >>> import mgframe as mg
    >>> mg.tags("news.example.com", prefix="st", client=mg.demo())[["tag", "last_seen"]]
           tag                 last_seen
    0  stories 2026-11-12 23:00:00+00:00
    """
    client = client_of(client)
    if not isinstance(subaccounts, bool):
        raise QueryError(f"subaccounts={subaccounts!r} must be True or False")
    if prefix is not None and (not isinstance(prefix, str) or not prefix.strip()):
        raise QueryError(f"prefix={prefix!r} must be the text that tags begin with")
    if domain is None:
        return _account_tags(client, prefix, subaccounts, regions_of(client, regions))
    if not isinstance(domain, str):
        raise QueryError(
            f"domain={domain!r} must be one name; mg.tags() lists those of the account"
        )
    if subaccounts or regions is not None:
        raise QueryError(
            "a domain belongs to one account and lives in one region: leave out subaccounts and "
            "regions, or the domain"
        )
    return _domain_tags(client, read_domains(domain)[0], prefix)


def _account_tags(
    client: Client, prefix: str | None, subaccounts: bool, regions: tuple[str, ...]
) -> Question:
    def call(region: str, skip: int) -> Call:
        # With this order a tag that is used between two pages shows as one that comes twice.
        page = {"sort": "lastseen:desc", "limit": PAGE, "skip": skip, "include_total": True}
        body = {"pagination": page, "include_subaccounts": subaccounts}
        body |= {} if prefix is None else {"tag": prefix}
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        path = _TAGS.removeprefix("POST ")
        return Call("POST", path, body=text, endpoint=_TAGS, budget="metrics", region=region)

    def finish(items: Items, regions: list[str], answers: Pages) -> pd.DataFrame:
        return _tag_table(items, NO_KEY, regions, _TAGS, client, answers)

    kind = Kind(_TAGS, "items", ("tag", "account_id"), _total_of_tags, _is_last_of_tags)
    return every_item(client, kind, call, finish, regions)


def _total_of_tags(body: Mapping[str, Any]) -> Any:
    return _pagination(body).get("total")


def _is_last_of_tags(body: Mapping[str, Any]) -> bool:
    """Return whether a page is shorter than the limit that its answer says."""
    limit = _pagination(body).get("limit")
    return type(limit) is int and len(body["items"] or ()) < limit


def _pagination(body: Mapping[str, Any]) -> Mapping[str, Any]:
    said = body.get("pagination")
    return said if isinstance(said, Mapping) else {}


def _domain_tags(client: Client, domain: str, prefix: str | None) -> Question:
    """Follow page after page, until one is empty, or not full and without anything new."""
    path = f"/v3/{segment(domain)}/tags"
    kind = Kind(_TAGS_OF_DOMAIN, "items", ("tag",), lambda body: None)
    kept = {"limit": str(PAGE), **({} if prefix is None else {"prefix": prefix})}

    def page(params: Mapping[str, str], found: Mapping[str, Any], pages: Pages) -> Question:
        call = Call("GET", path, tuple(params.items()), endpoint=_TAGS_OF_DOMAIN, label=domain)

        def finish(answers: list[Answer], _: dict[str, str]) -> pd.DataFrame | Question:
            read = [*pages, *answers]
            items = kind.items(answers[0].body)
            known = {**{item["tag"]: item for item in items}, **found}
            full, brings_new = len(items) >= PAGE, len(known) > len(found)
            if full and not brings_new:
                raise ResponseError(
                    f"{_TAGS_OF_DOMAIN} answered a full page without any new tag, so that the end "
                    f"of the list cannot be found; ask for fewer tags of {domain!r} with prefix="
                )
            onward = _next_page(answers[0].body, full=full)
            if onward and brings_new:
                return page({**onward, **kept}, known, read)
            regions, rows = [client.region] * len(known), list(known.values())
            return _tag_table(rows, domain, regions, _TAGS_OF_DOMAIN, client, read)

        return Question(
            client, (call,), finish, f"a request for each further page of {PAGE:,} tags"
        )

    return page(kept, {}, [])


def _next_page(body: Mapping[str, Any], *, full: bool) -> dict[str, str]:
    """Return the query of the next page's address, empty where there is none."""
    paging = body.get("paging")
    following = paging.get("next") if isinstance(paging, Mapping) else None
    try:
        query = urlsplit(following or "").query
        found = dict(parse_qsl(query, keep_blank_values=True))
    except (ValueError, TypeError, AttributeError):
        found = {}
    if full and not found:
        raise ResponseError(
            f"{_TAGS_OF_DOMAIN} answered a full page but does not say where the next one is"
        )
    return found


def _tag_table(
    items: Items,
    domain: str,
    regions: list[str],
    endpoint: str,
    client: Client,
    answers: Pages,
) -> pd.DataFrame:
    columns = text_columns(items, _TAG_TEXTS, endpoint)
    table = pd.DataFrame(
        {
            "tag": columns["tag"],
            "description": columns["description"],
            "first_seen": moment_column(items, "first_seen", "first-seen"),
            "last_seen": moment_column(items, "last_seen", "last-seen"),
            "domain": text_column([domain] * len(items)),
            "account_id": columns["account_id"],
            "account_name": columns["account_name"],
            "region": text_column(regions),
        }
    )
    return finished_table(table, ["tag", "account_id", "region"], endpoint, client, answers)
