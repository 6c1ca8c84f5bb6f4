"""Tags and subaccounts of a simulated account: statistics of one tag, and every listing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

import numpy as np

from mgframe.simulator.account import Domain
from mgframe.simulator.answers import Writer, counters_by_key, written
from mgframe.simulator.model import Model
from mgframe.simulator.windows import BadRequest, Window, floored, steps

#: The account itself, beside its subaccounts.
PRIMARY_ID: Final = "66e5d1f0c7a94e5f802138aa"
PRIMARY_NAME: Final = "Simulated account"

#: The types of a tag's aggregates, and what the domain's are called.
TYPES: Final = {"provider": "providers", "device": "devices", "country": "countries"}

#: Mailgun forgets a tag that was not used for so many days; its statistics stay.
_KEPT_DAYS: Final = 30
_SORTS: Final = ("tag", "lastseen", "firstseen")
_MOST_WITH_METRICS: Final = 20
_PAGES: Final = ("", "first", "last", "next", "prev")


# ---------------------------------------------------------------- statistics of one tag


def find_tag(domain: Domain, text: str) -> str | None:
    """Return a domain's tag as it is written there; upper and lower case are the same tag."""
    tags = (tag for lane in domain.lanes for tag in lane.tags)
    return next((tag for tag in tags if tag.lower() == text.lower()), None)


def describe(tag: str) -> str:
    """Return a tag's description; some have none."""
    return "" if len(tag) % 3 == 0 else f"Mail tagged {tag}"


def tag_totals(
    writer: Writer, model: Model, window: Window, domain: Domain, tag: str, events: Sequence[str]
) -> Any:
    """Return the counts of one tag over time, the tag and its description in front."""
    where = {"domain": [domain.name], "tag": [tag]}
    envelope = writer.totals(window, model.tally(window, where=where).counts[0], events)
    described = {"description": describe(tag)} if "description" in envelope else {}
    return {"tag": tag, **envelope, **described}


def tag_aggregates(model: Model, domain: Domain, tag: str, kind: str | None) -> Any:
    """Return a tag's lifetime counters by provider, device or country, every key listed."""
    if kind not in TYPES:
        raise BadRequest(f"'type' parameter is invalid, valid values: {', '.join(TYPES)}")
    where = {"domain": [domain.name], "tag": [tag]}
    tally = model.tally(model.lifetime(), by=[kind], where=where)
    return {kind: counters_by_key(tally, TYPES[kind]), "tag": tag}


# ---------------------------------------------------------------- listings


@dataclass(frozen=True)
class Seen:
    """A tag, where it was used, and when first and last."""

    tag: str
    account: str | None
    domain: str
    first: np.datetime64
    last: np.datetime64


_SEEN: WeakKeyDictionary[Model, list[Seen]] = WeakKeyDictionary()


def seen_tags(model: Model, domains: Iterable[Domain]) -> list[Seen]:
    """Return the tags that these domains used lately, by domain and tag."""
    if model not in _SEEN:
        _SEEN[model] = _counted_tags(model)
    names = {domain.name for domain in domains}
    return [seen for seen in _SEEN[model] if seen.domain in names]


def _counted_tags(model: Model) -> list[Seen]:
    hours = 24 * _KEPT_DAYS
    newest = floored(model.now, "hour")
    starts = newest - np.arange(hours)[::-1] * steps(1, "hour")
    tally = model.tally(Window(starts, "hour"), by=["domain", "tag"])
    domains = {domain.name: domain for domain in model.domains}
    found = []
    for (name, tag), accepted in zip(tally.keys, tally["accepted"], strict=True):
        used = np.flatnonzero(accepted)
        if len(used):
            first = floored(model.created_at(domains[name]), "hour")
            found.append(Seen(tag, domains[name].subaccount, name, first, starts[used[-1]]))
    return found


def tag_page(
    model: Model, domain: Domain, url: str, arguments: Mapping[str, str | None]
) -> dict[str, Any]:
    """Return a page of a domain's tags, and the addresses of the pages around it.

    The arguments are `page`, `tag` (where the page before ended), `limit` and `prefix`.
    """
    page, pivot = arguments.get("page") or "", arguments.get("tag") or ""
    if page not in _PAGES:
        raise BadRequest(f"'page' parameter is invalid, valid values: {', '.join(_PAGES[1:])}")
    limit, prefix = _limit(arguments.get("limit"), 1000), arguments.get("prefix") or ""
    listed = sorted(seen_tags(model, [domain]), key=lambda seen: seen.tag)
    listed = [seen for seen in listed if seen.tag.startswith(prefix)]
    if page == "next":
        chosen = [seen for seen in listed if seen.tag > pivot][:limit]
    elif page in ("prev", "last"):
        chosen = [seen for seen in listed if page == "last" or seen.tag < pivot][-limit:]
    else:
        chosen = listed[:limit]
    items = [
        {
            "tag": seen.tag,
            "description": describe(seen.tag),
            "first-seen": f"{seen.first.astype('datetime64[s]')}Z",
            "last-seen": f"{seen.last.astype('datetime64[ms]')}Z",
        }
        for seen in chosen
    ]
    return {"items": items, "paging": _paging(url, limit, prefix, [s.tag for s in chosen], pivot)}


def _paging(url: str, limit: int, prefix: str, tags: Sequence[str], pivot: str) -> dict[str, str]:
    ends = {"previous": ("prev", tags[0] if tags else pivot), "first": ("first", "")}
    ends |= {"next": ("next", tags[-1] if tags else pivot), "last": ("last", "")}
    kept = {"prefix": prefix} if prefix else {}
    return {
        name: f"{url}?{urlencode({'limit': limit, 'page': page, **kept, 'tag': tag})}"
        for name, (page, tag) in ends.items()
    }


def account_tags(model: Model, domains: Iterable[Domain], body: Mapping[str, Any]) -> Any:
    """Return a page of the account's tags; with `include_subaccounts` each account has its own."""
    pagination = body.get("pagination") or {}
    limit = _limit(pagination.get("limit"), 10)
    if body.get("include_metrics") and limit > _MOST_WITH_METRICS:
        raise BadRequest(f"'limit' must be at most {_MOST_WITH_METRICS} with include_metrics")
    skip = _whole(pagination.get("skip") or 0, "skip")
    apart = bool(body.get("include_subaccounts"))
    prefix = str(body.get("tag") or "")
    items = [
        item
        for item in _by_account(model, seen_tags(model, domains), apart=apart)
        if item["tag"].startswith(prefix)
    ]
    sort = pagination.get("sort") or "lastseen:desc"
    page = [_as_item(item) for item in _sorted(items, sort)[skip : skip + limit]]
    total = {"total": len(items)} if pagination.get("include_total") else {}
    return {"items": page, "pagination": {"sort": sort, "limit": limit, **total}}


def _by_account(model: Model, seen: Iterable[Seen], *, apart: bool) -> list[dict[str, Any]]:
    merged: dict[tuple[str, str], dict[str, Any]] = {}
    for one in seen:
        account = (one.account if apart else None) or PRIMARY_ID
        item = merged.setdefault(
            (account, one.tag),
            {"account": account, "tag": one.tag, "first": one.first, "last": one.last},
        )
        item["first"], item["last"] = min(item["first"], one.first), max(item["last"], one.last)
    return [{**item, "name": account_name(model, item["account"])} for item in merged.values()]


def _sorted(items: list[dict[str, Any]], sort: str) -> list[dict[str, Any]]:
    column, _, direction = str(sort).partition(":")
    if column not in _SORTS or direction not in ("asc", "desc"):
        raise BadRequest(f"'sort' parameter is invalid: {sort}")
    member = {"tag": "tag", "lastseen": "last", "firstseen": "first"}[column]
    ordered = sorted(items, key=lambda item: (item["tag"], item["account"]))
    return sorted(ordered, key=lambda item: item[member], reverse=direction == "desc")


def _as_item(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "account_id": item["account"],
        "parent_account_id": PRIMARY_ID,
        "tag": item["tag"],
        "description": describe(item["tag"]),
        "first_seen": written(item["first"], "+0000"),
        "last_seen": written(item["last"], "+0000"),
        "metrics": {},
        "account_name": item["name"],
    }


def account_name(model: Model, account: str) -> str:
    """Return the name of the account or of a subaccount: it goes by its first domain."""
    owned = (domain.name for domain in model.domains if domain.subaccount == account)
    return PRIMARY_NAME if account == PRIMARY_ID else f"{next(owned)} team"


def subaccount_page(model: Model, limit: str | None, skip: str | None) -> Any:
    """Return a page of the account's subaccounts, by name."""
    listed = [
        {"id": subaccount, "name": account_name(model, subaccount), "status": "open"}
        for subaccount in model.subaccounts
    ]
    listed.sort(key=lambda item: item["name"])
    first = _whole(skip or 0, "skip")
    return {"subaccounts": listed[first : first + _limit(limit, 10)], "total": len(listed)}


def _limit(given: Any, usual: int) -> int:
    limit = usual if given is None else _whole(given, "limit")
    if not 0 < limit <= 1000:
        raise BadRequest("'limit' parameter is invalid: it is between 1 and 1000")
    return limit


def _whole(given: Any, name: str) -> int:
    if isinstance(given, bool) or not str(given).isdecimal():
        raise BadRequest(f"'{name}' parameter is invalid")
    return int(given)
