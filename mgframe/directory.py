"""Directories of the account, as plain tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pandas as pd

from mgframe.client import Answer, Call, Client
from mgframe.errors import ResponseError
from mgframe.framing import with_meta
from mgframe.parsing import read_times
from mgframe.planning import Question, client_of, fetch
from mgframe.timespan import json_time

_PAGE: Final = 1000
_ENDPOINT: Final = "GET /v4/domains"
_COLUMNS: Final = ("name", "state", "type", "is_disabled", "created_at", "id")


@fetch
def domains(*, client: Client | None = None) -> Question:
    """List the account's domains (GET /v4/domains, every page).

    Parameters
    ----------
    client : Client, optional
        Whom to ask; by default a client made from the environment.

    Returns
    -------
    DataFrame
        One row a domain, sorted by name: `name`, `state` (``active``, ``unverified``,
        ``disabled``), `type`, `is_disabled` (bool), `created_at` (UTC), `id`, `region`.

    Raises
    ------
    ResponseError
        The pages hold fewer domains than the answer's own total.
    ApiError, TransportError
        See :mod:`mgframe.errors`.

    Examples
    --------
    >>> import mgframe as mg
    >>> mg.domains(client=mg.demo())[["name", "state"]]
                   name   state
    0  mail.example.com  active
    1  news.example.com  active
    2  shop.example.com  active
    """
    return listing(client_of(client), lambda table: table)


def listing(client: Client, then: Callable[[pd.DataFrame], pd.DataFrame | Question]) -> Question:
    """Return the question for every page of domains; `then` takes the finished table."""
    return _page(client, [], then)


def _page(
    client: Client,
    pages: list[Answer],
    then: Callable[[pd.DataFrame], pd.DataFrame | Question],
) -> Question:
    skip = sum(len(_items(answer)) for answer in pages)
    params = (("limit", str(_PAGE)), ("skip", str(skip)))
    call = Call("GET", "/v4/domains", params, endpoint=_ENDPOINT)

    def finish(answers: list[Answer], failures: dict[str, str]) -> pd.DataFrame | Question:
        read = [*pages, *answers]
        rows, total = sum(len(_items(a)) for a in read), answers[-1].body.get("total_count")
        if _items(answers[-1]) and rows < (total or 0):
            return _page(client, read, then)
        if total is not None and rows < total:
            raise ResponseError(
                f"{_ENDPOINT} says that there are {total} domains but its pages hold {rows}"
            )
        return then(_table(read, client))

    return Question(client, (call,), finish, follow_up="one request for each further 1,000 domains")


def _items(answer: Answer) -> list[dict[str, Any]]:
    items = answer.body.get("items") if isinstance(answer.body, dict) else None
    if not isinstance(items, list) or not all(isinstance(i, dict) and i.get("name") for i in items):
        raise ResponseError(f"{_ENDPOINT} did not answer a list of named domains under 'items'")
    return items


def _table(answers: list[Answer], client: Client) -> pd.DataFrame:
    items = {item["name"]: item for answer in answers for item in _items(answer)}
    rows = [items[name] for name in sorted(items)]
    table = pd.DataFrame({name: [row.get(name) for row in rows] for name in _COLUMNS})
    table["is_disabled"] = table["is_disabled"].eq(True)
    table["created_at"] = read_times(table["created_at"].tolist())
    table["region"] = client.region
    meta = {
        "endpoint": _ENDPOINT,
        "region": client.region,
        "fetched_at": json_time(answers[0].date),
        "simulated": answers[0].simulated,
    }
    return with_meta(table, meta)


def active(table: pd.DataFrame) -> list[str]:
    """Return the names of the domains that can send."""
    return list(table.loc[(table["state"] == "active") & ~table["is_disabled"], "name"])
