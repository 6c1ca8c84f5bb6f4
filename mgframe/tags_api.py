"""The statistics of a tag: counts over time, and lifetime counters.

Mailgun has deprecated them with the Stats API, whose form they have; they still answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import tzinfo
from typing import Final, Literal, get_args

import pandas as pd

from mgframe.answering import Asked, lifetime_frame, totals_frame
from mgframe.asking import (
    Params,
    notice,
    read_domains,
    read_events,
    read_window,
    window_params,
)
from mgframe.client import Answer, Call, Client, segment
from mgframe.errors import QueryError, suggestion, warn
from mgframe.planning import OnError, Question, check_on_error, client_of, fetch
from mgframe.timespan import Moment

TagGroup = Literal["provider", "device", "country"]

_TOTALS: Final = "GET /v3/{domain}/tag/stats"
_AGGREGATES: Final = "GET /v3/{domain}/tag/stats/aggregates"


@fetch
def tag_totals(
    domain: str | Iterable[str],
    tag: str | Iterable[str],
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
    client: Client | None = None,
) -> Question:
    """Fetch the counts over time of a domain's tag, or of several.

    Asks GET /v3/{domain}/tag/stats, side by side for every domain and tag. The statistics of tags
    are deprecated by Mailgun with the Stats API; they still answer.

    Parameters
    ----------
    domain : str or iterable of str
        One domain or several.
    tag : str or iterable of str
        One tag or several; each is asked of each domain. It is sent as it is written. Mailgun
        takes ``"Sale"`` and ``"sale"`` for the same tag, so asking for both counts it twice.
    events, start, end, last, period, duration, resolution, tz, partial
        As in :func:`mgframe.account_totals`.
    on_error, progress, client
        As in :func:`mgframe.domain_totals`: ``"warn"`` keeps the tags that did answer.

    Returns
    -------
    DataFrame
        Index: `time` (start of the bucket, UTC), `domain`, `tag`. Columns: counts, ``Int64``, NA
        where not reported. A message may carry several tags, so sums over `tag` count it several
        times.

    Raises
    ------
    QueryError
        An argument is wrong; nothing was sent.
    NotFound
        The domain has no such tag, or the account no such domain; :func:`mgframe.tags` lists them.
    ApiError, TransportError, ResponseError
        See :mod:`mgframe.errors`.

    Notes
    -----
    Source: Mailgun's OpenAPI document, Tags; its user manual, Tags, for upper and lower case.

    Examples
    --------
    >>> import mgframe as mg
    >>> df = mg.tag_totals("news.example.com", ["weekly", "digest"], last="7d", client=mg.demo())
    >>> df.index.names, df.shape[0]
    (FrozenList(['time', 'domain', 'tag']), 14)
    """
    client = client_of(client)
    notice()
    window = read_window(client, start, end, last, period, duration, resolution, tz, partial)
    chosen, whether = read_events(events), check_on_error(on_error)
    params = window_params(chosen, window)
    about = _combinations(domain, tag)
    calls = _calls(_TOTALS, about, params)
    first = next(iter(about.values()))
    request = (("tag", first["tag"]), *params) if len(about) == 1 else params
    asked = Asked(client, _TOTALS, "tag", chosen, window, params=request, keys=about)

    def finish(answers: list[Answer], failed: dict[str, str]) -> pd.DataFrame:
        _warn_of_other_tags(about, answers)
        return totals_frame(asked, answers, failed)

    return Question(client, calls, finish, on_error=whether, progress=progress)


@fetch
def tag_aggregates(
    domain: str | Iterable[str],
    tag: str | Iterable[str],
    by: TagGroup = "provider",
    *,
    on_error: OnError = "raise",
    progress: bool | None = None,
    client: Client | None = None,
) -> Question:
    """Fetch a tag's lifetime counters by recipient domain, device or country.

    Asks GET /v3/{domain}/tag/stats/aggregates, side by side for every domain and tag. The
    statistics of tags are deprecated by Mailgun with the Stats API; they still answer.

    Parameters
    ----------
    domain, tag : str or iterable of str
        As in :func:`mgframe.tag_totals`.
    by : {"provider", "device", "country"}, default "provider"
        What the counters are apart by; provider is a recipient domain such as gmail.com. Only
        engagement has a device or a country.
    on_error, progress, client
        As in :func:`mgframe.domain_totals`.

    Returns
    -------
    DataFrame
        Index: `as_of` (when the counters were read, UTC), `domain`, `tag`, and `provider`,
        `device` or `country`. Columns: the counters there are, ``Int64``. Every key that Mailgun
        knows is listed, zeros included. They are never summed over `as_of`.

    Raises
    ------
    QueryError, NotFound, ApiError, TransportError, ResponseError
        As in :func:`mgframe.tag_totals`.

    Notes
    -----
    Source: Mailgun's OpenAPI document, Tags. A counter that a key leaves out is 0.

    Examples
    --------
    >>> import mgframe as mg
    >>> df = mg.tag_aggregates("news.example.com", "digest", "device", client=mg.demo())
    >>> df.index.names
    FrozenList(['as_of', 'domain', 'tag', 'device'])
    """
    asked = client_of(client)
    notice()
    level, about, whether = _read_by(by), _combinations(domain, tag), check_on_error(on_error)
    calls = _calls(_AGGREGATES, about, (("type", level),))

    def finish(answers: list[Answer], failed: dict[str, str]) -> pd.DataFrame:
        _warn_of_other_tags(about, answers)
        return lifetime_frame(asked, _AGGREGATES, level, answers, failed, about)

    return Question(asked, calls, finish, on_error=whether, progress=progress)


# ---------------------------------------------------------------- domains and tags

#: Domain and tag of each call, by its label.
About = Mapping[str, Mapping[str, str]]


def _combinations(domain: str | Iterable[str], tag: str | Iterable[str]) -> About:
    names, tags = read_domains(domain), _read_tags(tag)
    # The label stands in messages, where a tag's own blanks or quotes must not mislead.
    return {
        f"{name}, tag {text!r}": {"domain": name, "tag": text} for name in names for text in tags
    }


def _read_tags(tag: str | Iterable[str]) -> list[str]:
    given = [tag] if isinstance(tag, str) else tag
    if not isinstance(given, Iterable) or isinstance(given, Mapping):
        raise QueryError(f"tag={tag!r} must be a tag or a list of tags")
    tags = list(dict.fromkeys(given))
    if not tags:
        raise QueryError("the list of tags is empty; mg.tags(domain) lists what there is")
    for text in tags:
        if not isinstance(text, str) or not text.strip() or not _can_be_sent(text):
            raise QueryError(f"tag {text!r} is no tag: it must be text; mg.tags(domain) lists them")
    return tags


def _can_be_sent(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _read_by(by: str) -> str:
    groups = get_args(TagGroup)
    if by not in groups:
        raise QueryError(
            f"by={by!r} is nothing that a tag's counters are apart by{suggestion(by, groups)}; "
            f"choose of {', '.join(groups)}"
        )
    return by


def _calls(endpoint: str, about: About, params: Params) -> tuple[Call, ...]:
    path = endpoint.removeprefix("GET ")
    return tuple(
        Call(
            "GET",
            path.replace("{domain}", segment(keys["domain"])),
            (("tag", keys["tag"]), *params),
            endpoint=endpoint,
            label=label,
        )
        for label, keys in about.items()
    )


def _warn_of_other_tags(about: About, answers: Iterable[Answer]) -> None:
    for answer in answers:
        said = answer.body.get("tag") if isinstance(answer.body, dict) else None
        asked = about[answer.call.label]["tag"]
        if isinstance(said, str) and said and said.lower() != asked.lower():
            warn(f"asked for the tag {asked!r}, and the answer says that it is about {said!r}")
