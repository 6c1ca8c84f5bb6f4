"""The Stats API's questions, put to the Metrics API that replaces it: an equal frame back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, Literal

import pandas as pd

from mgframe.answering import origin
from mgframe.asking import KEY_GROUPS, Params, account_key
from mgframe.client import Client
from mgframe.directory import active, listing
from mgframe.errors import NotFound, QueryError, suggestion, warn
from mgframe.framing import empty_frame, make_index, meta_of, with_meta
from mgframe.metrics_asking import Query, read_predicates, refuse_forgotten
from mgframe.metrics_querying import ask
from mgframe.planning import Question
from mgframe.timespan import Window, check_resolution, floor
from mgframe.vocabulary import counts_of

Api = Literal["stats", "metrics"]
_APIS: Final = ("stats", "metrics")

#: What a group of the Stats API is called as a dimension, where that is another word.
_DIMENSIONS: Final = {"provider": "recipient_domain"}
#: The Metrics API has a row for mail without a tag; the Stats API has none.
UNTAGGED: Final = "Untagged"


def by_metrics(api: str) -> bool:
    """Return whether the Metrics API is to be asked.

    Raises
    ------
    QueryError
        There is no such API.
    """
    if api not in _APIS:
        raise QueryError(
            f"api={api!r} must be 'stats' or 'metrics' (its replacement){suggestion(api, _APIS)}"
        )
    return api == "metrics"


def _query(client: Client, events: Sequence[str], window: Window, **more: object) -> Query:
    # Mailgun's Metrics API reads a duration in another way: the window is what the Stats API means.
    query = Query(
        client,
        tuple(counts_of(events)),
        (),
        replace(window, duration=None),
        account=account_key(client),
    )
    return replace(query, **more)  # type: ignore[arg-type]


def account_by_metrics(client: Client, events: Sequence[str], window: Window) -> Question:
    """Ask the whole account."""
    return ask(_query(client, events, window))


def domains_by_metrics(
    client: Client,
    names: Sequence[str] | None,
    events: Sequence[str],
    window: Window,
    *,
    on_error: str = "raise",
    progress: bool | None = None,
) -> Question:
    """Ask these domains, or all active ones, in one query."""
    if names is None:
        return _after_listing(client, active, events, window)
    check = partial(_known, client, on_error)
    question = _of_domains(client, names, events, window, progress=progress, then=check)
    assert isinstance(question, Question)
    return question


def snapshot_by_metrics(
    client: Client, events: Sequence[str], moment: pd.Timestamp, resolution: str
) -> Question:
    """Ask one bucket of every domain that the account lists."""
    window = Window(moment, moment, check_resolution(resolution))
    return _after_listing(client, lambda table: list(table["name"]), events, window)


def _after_listing(
    client: Client,
    names_of: Callable[[pd.DataFrame], list[str]],
    events: Sequence[str],
    window: Window,
) -> Question:
    """Ask which domains there are, then all of them in one query."""
    question = listing(client, lambda table: _of_domains(client, names_of(table), events, window))
    return replace(
        question, follow_up="the pages of one query about all domains, 10 counts a request"
    )


def _of_domains(
    client: Client,
    names: Sequence[str],
    events: Sequence[str],
    window: Window,
    *,
    progress: bool | None = None,
    then: Callable[[pd.DataFrame], pd.DataFrame | Question] | None = None,
) -> pd.DataFrame | Question:
    query = _query(client, events, window, keys=("domain",), values=tuple(names))
    if not names:
        meta = origin(client, query.endpoint, [], {})
        return empty_frame(["time", "domain"], counts_of(events), meta=meta)
    query = replace(query, predicates=tuple(read_predicates({"domain": list(names)})))
    refuse_forgotten(window, client)
    return ask(query, then, progress=progress)


def _known(client: Client, on_error: str, frame: pd.DataFrame) -> pd.DataFrame | Question:
    """Return the frame once every domain that has no mail is known to be the account's own.

    The Metrics API has no rows both for a quiet domain and for one that does not exist.
    """
    sent = frame.fillna(0).groupby(level="domain").sum().any(axis=1)
    quiet = list(sent.index[~sent])
    if not quiet:
        return frame

    def checked(table: pd.DataFrame) -> pd.DataFrame:
        foreign = sorted(set(quiet) - set(table["name"]))
        if not foreign:
            return frame
        if on_error == "raise" or len(foreign) == len(sent):
            raise NotFound(
                404,
                f"the account has no domain {', '.join(foreign)}",
                region=client.region,
                hint="mg.domains() lists those of this account and region",
            )
        warn(f"the account has no domain {', '.join(foreign)}; no rows for it")
        kept = frame[~frame.index.get_level_values("domain").isin(foreign)]
        failed = dict.fromkeys(foreign, NotFound.__name__)
        return with_meta(_remade(kept), {**meta_of(frame), "failed": failed})

    return listing(client, checked)


def group_by_metrics(
    client: Client,
    group: str | None,
    filters: Params,
    events: Sequence[str],
    window: Window,
) -> Question:
    """Ask by a group, or for the rows of a filter."""
    level, key = filters[0][1].split(":", 1) if filters else ("account", account_key(client))
    where = {level: key} if filters else None
    named = "subaccount" in (group, level)
    query = _query(
        client, events, window, predicates=tuple(read_predicates(where)), subaccounts=named
    )
    refuse_forgotten(window, client)
    if group in KEY_GROUPS:
        dimension = _DIMENSIONS.get(group, group)
        query = replace(query, keys=(dimension,), levels=(group,))
        return ask(query, _without_untagged if group == "tag" else None)
    query = replace(query, levels=(level,), account=key)
    if group == "total":
        return ask(replace(query, timed=False), _one_bucket)
    if group in ("day", "month"):
        width = check_resolution(group)
        edges = floor(window.start, width), floor(window.end, width)
        query = replace(query, window=Window(*edges, width))
    return ask(query)


def _without_untagged(frame: pd.DataFrame) -> pd.DataFrame:
    tags = frame.index.get_level_values("tag")
    return frame if UNTAGGED not in tags else _remade(frame[tags != UNTAGGED])


def _remade(frame: pd.DataFrame) -> pd.DataFrame:
    index = frame.index.remove_unused_levels()  # type: ignore[attr-defined]
    return with_meta(frame.set_axis(index), meta_of(frame))


def _one_bucket(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the total as the one bucket that it is in the Stats API."""
    start = pd.Timestamp(meta_of(frame)["answered"][0])
    times = pd.DatetimeIndex([start] * len(frame)).as_unit("us")
    keys = {str(name): frame.index.get_level_values(str(name)) for name in frame.index.names}
    return with_meta(frame.set_axis(make_index(times, keys)), meta_of(frame))
