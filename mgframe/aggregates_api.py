"""The Stats API's aggregates: lifetime counters of a domain by provider, device or country.

They have no window: `as_of` says when they were read, and they are never summed over it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pandas as pd

from mgframe.answering import lifetime_frame
from mgframe.asking import make_call, notice, read_domains
from mgframe.client import Answer, Client
from mgframe.planning import OnError, Question, check_on_error, client_of, fetch

_AGGREGATES: Final = {"provider": "providers", "device": "devices", "country": "countries"}


@fetch
def provider_aggregates(
    domain: str | Iterable[str],
    *,
    on_error: OnError = "raise",
    progress: bool | None = None,
    client: Client | None = None,
) -> Question:
    """Fetch a domain's lifetime counters by recipient domain.

    Asks GET /v3/{domain}/aggregates/providers. The Stats API is deprecated by Mailgun; it still
    answers.

    Parameters
    ----------
    domain : str or iterable of str
        One domain or several, asked side by side.
    on_error, progress, client
        As in :func:`mgframe.domain_totals`.

    Returns
    -------
    DataFrame
        Index: `as_of` (when the counters were read, UTC), `domain`, `provider` (a recipient domain
        such as gmail.com). Columns: the counters there are, ``Int64``. Every provider that Mailgun
        knows is listed, zeros included. They are never summed over `as_of`.

    Raises
    ------
    QueryError
        An argument is wrong; nothing was sent.
    ApiError, TransportError, ResponseError
        See :mod:`mgframe.errors`.

    Notes
    -----
    Source: Mailgun's OpenAPI document, Domain aggregates. A counter that a key leaves out is 0.

    Examples
    --------
    >>> import mgframe as mg
    >>> mg.provider_aggregates("news.example.com", client=mg.demo()).index.names
    FrozenList(['as_of', 'domain', 'provider'])
    """
    return _aggregates("provider", domain, on_error, progress, client)


@fetch
def device_aggregates(
    domain: str | Iterable[str],
    *,
    on_error: OnError = "raise",
    progress: bool | None = None,
    client: Client | None = None,
) -> Question:
    """Fetch a domain's lifetime counters by the reader's device.

    Asks GET /v3/{domain}/aggregates/devices; the rest as in :func:`mgframe.provider_aggregates`,
    with the level `device` (desktop, mobile, tablet, unknown). Only engagement has a device.

    Parameters
    ----------
    domain : str or iterable of str
        One domain or several, asked side by side.
    on_error, progress, client
        As in :func:`mgframe.domain_totals`.

    Returns
    -------
    DataFrame
        Index: `as_of`, `domain`, `device`. Columns: the counters there are, ``Int64``.

    Raises
    ------
    QueryError, ApiError, TransportError, ResponseError
        As in :func:`mgframe.provider_aggregates`.

    Examples
    --------
    >>> import mgframe as mg
    >>> df = mg.device_aggregates("news.example.com", client=mg.demo())
    >>> list(df.index.get_level_values("device"))
    ['desktop', 'mobile', 'tablet', 'unknown']
    """
    return _aggregates("device", domain, on_error, progress, client)


@fetch
def country_aggregates(
    domain: str | Iterable[str],
    *,
    on_error: OnError = "raise",
    progress: bool | None = None,
    client: Client | None = None,
) -> Question:
    """Fetch a domain's lifetime counters by the reader's country.

    Asks GET /v3/{domain}/aggregates/countries; the rest as in
    :func:`mgframe.provider_aggregates`, with the level `country` (lower-case two-letter codes,
    ``unknown``). Only engagement has a country.

    Parameters
    ----------
    domain : str or iterable of str
        One domain or several, asked side by side.
    on_error, progress, client
        As in :func:`mgframe.domain_totals`.

    Returns
    -------
    DataFrame
        Index: `as_of`, `domain`, `country`. Columns: the counters there are, ``Int64``.

    Raises
    ------
    QueryError, ApiError, TransportError, ResponseError
        As in :func:`mgframe.provider_aggregates`.

    Examples
    --------
    >>> import mgframe as mg
    >>> df = mg.country_aggregates("news.example.com", client=mg.demo())
    >>> "unknown" in df.index.get_level_values("country")
    True
    """
    return _aggregates("country", domain, on_error, progress, client)


def _aggregates(
    level: str,
    domain: str | Iterable[str],
    on_error: str,
    progress: bool | None,
    client: Client | None,
) -> Question:
    asked = client_of(client)
    names, whether = read_domains(domain), check_on_error(on_error)
    notice()
    template = f"/v3/{{domain}}/aggregates/{_AGGREGATES[level]}"
    calls = tuple(make_call(template, (), label=name) for name in names)

    def finish(answers: list[Answer], failed: dict[str, str]) -> pd.DataFrame:
        return lifetime_frame(asked, f"GET {template}", level, answers, failed)

    return Question(asked, calls, finish, on_error=whether, progress=progress)
