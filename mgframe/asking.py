"""Arguments of the Stats API to calls: everything is checked here, before anything is sent."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from typing import Final, Literal

from mgframe.client import Call, Client, segment
from mgframe.errors import DeprecationNotice, QueryError, suggestion, warn
from mgframe.timespan import Moment, Window, api_time, resolve
from mgframe.vocabulary import EVENTS, STATS_DEPRECATED

Group = Literal[
    "domain", "ip", "provider", "tag", "country", "subaccount", "ip_pool",
    "total", "time", "day", "month",
]  # fmt: skip

KEY_GROUPS: Final = ("domain", "ip", "provider", "tag", "country", "subaccount", "ip_pool")
_TIME_GROUPS: Final = ("total", "time", "day", "month")
_FILTERS: Final = ("domain", "subaccount", "ip_pool")

Params = tuple[tuple[str, str], ...]


_noticed = threading.Event()


def notice() -> None:
    """Say once a process that the API is deprecated; ``MGFRAME_STATS_NOTICE=off`` keeps quiet."""
    if not _noticed.is_set():
        _noticed.set()
        if os.environ.get("MGFRAME_STATS_NOTICE", "").lower() not in ("off", "0", "no"):
            warn(f"{STATS_DEPRECATED} MGFRAME_STATS_NOTICE=off silences this.", DeprecationNotice)


def read_window(
    client: Client,
    start: Moment | None,
    end: Moment | None,
    last: str | None,
    period: str | None,
    duration: str | None,
    resolution: str | None,
    tz: str | tzinfo | None,
    partial: bool,
) -> Window:
    """Return the window of a fetch function's arguments, by the client's clock."""
    return resolve(
        start=start,
        end=end,
        last=last,
        period=period,
        duration=duration,
        resolution=resolution,
        tz=tz,
        partial=partial,
        now=client.now(),
    )


def read_events(events: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return the events to ask for in their fixed order, all for None."""
    chosen = EVENTS if events is None else tuple(_names(events, "events"))
    if not chosen:
        raise QueryError(f"events is empty; choose of {', '.join(EVENTS)}, or leave it out for all")
    for event in chosen:
        if event not in EVENTS:
            raise QueryError(
                f"event {event!r} is not known{suggestion(event, EVENTS)}; the events are "
                f"{', '.join(EVENTS)}; several go as a list"
            )
    return tuple(event for event in EVENTS if event in chosen)


def read_domains(domain: str | Iterable[str]) -> list[str]:
    """Return one domain or several as a list in lower case, each once."""
    names = _names(domain, "domain")
    if not names:
        raise QueryError("the list of domains is empty; mg.domains() lists what there is")
    return list(dict.fromkeys(_domain(name) for name in names))


def _names(given: str | Iterable[str], argument: str) -> list[str]:
    if isinstance(given, str):
        return [given]
    if not isinstance(given, Iterable):
        raise QueryError(f"{argument}={given!r} must be a name or a list of names")
    return list(given)


def _domain(name: object) -> str:
    if not isinstance(name, str) or not re.fullmatch(r"(?!\.)[A-Za-z0-9_.-]{1,253}", name):
        raise QueryError(
            f"domain {name!r} is no domain name: letters, digits, dots and hyphens, such as "
            "'news.example.com' (no scheme, slash or space; international names as 'xn--...')"
        )
    return name.lower()


def read_group(by: str | None) -> str | None:
    """Return the group if the Stats API has it."""
    groups = (*KEY_GROUPS, *_TIME_GROUPS)
    if by is not None and by not in groups:
        raise QueryError(
            f"by={by!r} is no group of the Stats API{suggestion(by, groups)}; the groups are "
            f"{', '.join(groups)}; mg.metrics(by=...) has others"
        )
    return by


def read_filter(where: Mapping[str, str] | None) -> Params:
    """Return the one filter of the Stats API as a parameter."""
    if where is None:
        return ()
    if not isinstance(where, Mapping) or len(where) != 1:
        raise QueryError(
            f"where={where!r} must hold exactly one filter, such as {{'domain': 'a.com'}}: the "
            "Stats API documents no combination"
        )
    ((key, value),) = where.items()
    if key not in _FILTERS:
        raise QueryError(
            f"where={where!r}: the Stats API filters by {', '.join(_FILTERS)}"
            f"{suggestion(key, _FILTERS)}; for other keys group by them and use df.mg.where()"
        )
    if not isinstance(value, str) or not value.strip():
        raise QueryError(f"where={where!r} takes one value as text; to see several use by={key!r}")
    text = _domain(value) if key == "domain" else value.strip()
    return (("filter", f"{key}:{text}"),)


def account_key(client: Client) -> str:
    """Return the key of the account's rows: the subaccount's id, else ``"account"``."""
    return client.subaccount or "account"


def make_call(template: str, params: Params, *, label: str = "") -> Call:
    """Return a GET; `label` is the key of its rows, and the domain where the path has one."""
    path = template.replace("{domain}", segment(label)) if "{domain}" in template else template
    return Call("GET", path, params, endpoint=f"GET {template}", label=label)


def window_params(events: Sequence[str], window: Window) -> Params:
    """Repeat each event; a duration goes as it is, and overrides a start, so none is sent."""
    edge = ("duration", window.duration) if window.duration else ("start", api_time(window.start))
    return (
        *(("event", event) for event in events),
        edge,
        ("end", api_time(window.end)),
        ("resolution", window.resolution),
    )
