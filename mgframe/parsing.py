"""JSON of the Stats API to columns: times, keys and counts, whatever edition or shape it comes in.

Public material does not settle where a grouped answer holds its key, so five plausible shapes are
read (:func:`grouped_rows`), and the one that matched is reported. Nothing is guessed: a row without
a key gets ``"(none)"``, a count that is no count is a :class:`ResponseError`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from types import NoneType
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.errors import ResponseError
from mgframe.vocabulary import COUNTS, EVENTS, KEYS, NO_KEY

Json = Any

_LOG: Final = logging.getLogger("mgframe")
_MONTHS: Final = {
    month: f"{number:02d}"
    for number, month in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
        start=1,
    )
}
_UTC_SUFFIXES: Final = frozenset({" UTC", " GMT", " +0000", " -0000"})
_KEY_MEMBERS: Final = ("key", "name", "value", "group", "id")
_ENVELOPE: Final = ("description", "tag", "type")
#: Members that came after 2016; an edition without them had nothing to count.
_NEWER_MEMBERS: Final = frozenset({"webhook", "delayed_bounce"})
_LOWER_CASE: Final = frozenset({"country", "device"})


@dataclass(frozen=True)
class Rows:
    """Items of one or several answers, and the key of each."""

    items: list[dict[str, Json]]
    keys: list[str]
    shape: str


@dataclass
class Fields:
    """The counts of some items: one array a count, and what the answer's edition does not know."""

    counts: dict[str, Any] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    missing_events: list[str] = field(default_factory=list)


# ---------------------------------------------------------------- times


def read_times(texts: Sequence[str]) -> pd.DatetimeIndex:
    """Return the times of RFC 2822 texts in UTC (microseconds).

    ``UTC``, ``GMT``, ``+0000`` and other numeric offsets are read; a wrong weekday is ignored, as
    Mailgun does.

    Raises
    ------
    ResponseError
        A text is no such time.
    """
    try:
        if all(text[25:] in _UTC_SUFFIXES for text in texts):
            return _read_fixed_width(texts)
    except (KeyError, TypeError, ValueError):
        pass  # the slow way below says which text is wrong
    stamps = [read_time(text) for text in texts]
    return pd.DatetimeIndex(stamps, dtype="datetime64[us, UTC]")


def _read_fixed_width(texts: Sequence[str]) -> pd.DatetimeIndex:
    # "Mon, 17 Feb 2025 00:00:00 UTC": an ISO text of its parts is what numpy reads fastest.
    iso = [f"{t[12:16]}-{_MONTHS[t[8:11]]}-{t[5:7]}T{t[17:25]}" for t in texts]
    return pd.DatetimeIndex(np.array(iso, dtype="datetime64[us]")).tz_localize("UTC")


def read_time(text: Json) -> pd.Timestamp:
    """Return one RFC 2822 time in UTC, else raise :class:`ResponseError`."""
    moment = _time_or_none(text)
    if moment is None:
        raise ResponseError(
            f"the answer holds the time {str(text)[:60]!r}, which is no RFC 2822 date"
        )
    return moment


def _time_or_none(text: Json) -> pd.Timestamp | None:
    if not isinstance(text, str):
        return None
    try:
        parsed = parsedate_to_datetime(text.replace(" UTC", " GMT"))
        stamp = pd.Timestamp(parsed)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    stamp = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
    return stamp.as_unit("us")


# ---------------------------------------------------------------- envelopes and shapes


def envelope_of(body: Json) -> dict[str, Json]:
    """Return the members that surround the items: start, end, resolution and the like.

    Raises
    ------
    ResponseError
        The answer is neither an envelope with ``stats`` nor a list of them.
    """
    envelope = body[0] if isinstance(body, list) and body else body
    if isinstance(body, list) and not body:
        return {}
    if not isinstance(envelope, dict) or "stats" not in envelope:
        raise ResponseError(
            "the answer is not what the Stats API documents: an object with 'stats' was expected, "
            f"got {str(body)[:80]!r}"
        )
    return {name: value for name, value in envelope.items() if name != "stats"}


def envelope_notes(envelope: Mapping[str, Json]) -> dict[str, Json]:
    """Return what of an envelope belongs in attrs: description, tag and type, where set."""
    return {name: envelope[name] for name in _ENVELOPE if envelope.get(name)}


def plain_rows(body: Json, key: str) -> Rows:
    """Return the items of an ungrouped answer, all with the same key."""
    envelope_of(body)
    items = _items(body["stats"] if isinstance(body, dict) else None)
    return Rows(items, [key] * len(items), "plain")


def grouped_rows(body: Json, by: str) -> Rows:
    """Return the items of a grouped answer with the key of each, and the shape that matched.

    The shapes, in the order tried: ``envelopes`` (a list of envelopes, or one whose type or tag
    names the group), ``map`` (stats is an object of key to items), ``member`` (a member of the item
    names the group), ``time`` (the key stands in `time`), ``none`` (no key anywhere: ``"(none)"``).

    Raises
    ------
    ResponseError
        The answer has none of these forms.
    """
    if isinstance(body, list):
        return _from_envelopes(body, by)
    envelope = envelope_of(body)
    if isinstance(body["stats"], dict):
        return _from_map(body["stats"], by)
    items = _items(body["stats"])
    keys = _member_keys(items, by)
    if keys is not None:
        return Rows(items, [_key(k, by) for k in keys], "member")
    if items and all(isinstance(i["time"], str) and not _time_or_none(i["time"]) for i in items):
        return Rows(items, [_key(item["time"], by) for item in items], "time")
    key = _envelope_key(envelope, by)
    if key is not None:
        return Rows(items, [_key(key, by)] * len(items), "envelopes")
    return Rows(items, [NO_KEY] * len(items), "none")


def _items(stats: Json) -> list[dict[str, Json]]:
    if stats is None:
        return []
    if not isinstance(stats, list) or not all(
        type(item) is dict and "time" in item for item in stats
    ):
        raise ResponseError("the answer's 'stats' is not a list of buckets that have a 'time'")
    return stats


def _from_envelopes(envelopes: list[Json], by: str) -> Rows:
    items: list[dict[str, Json]] = []
    keys: list[str] = []
    for envelope in envelopes:
        envelope_of(envelope)
        part = _items(envelope["stats"])
        items += part
        keys += [_key(_envelope_key(envelope, by), by)] * len(part)
    return Rows(items, keys, "envelopes")


def _from_map(stats: Mapping[str, Json], by: str) -> Rows:
    parts = {key: _items(part if isinstance(part, list) else [part]) for key, part in stats.items()}
    keys = [_key(key, by) for key, part in parts.items() for _ in part]
    return Rows([item for part in parts.values() for item in part], keys, "map")


def _member_keys(items: list[dict[str, Json]], by: str) -> list[Json] | None:
    typed = [i["type"].get("key") if isinstance(i.get("type"), dict) else None for i in items]
    if any(typed):
        return typed
    for name in (by, *_KEY_MEMBERS):
        found = [item.get(name) for item in items]
        if any(isinstance(value, str) for value in found):
            return found
    return None


def _envelope_key(envelope: Mapping[str, Json], by: str) -> Json:
    kind = envelope.get("type")
    if isinstance(kind, dict) and kind.get("key"):
        return kind["key"]
    members = ("tag", by, *_KEY_MEMBERS)
    return next((envelope[m] for m in members if isinstance(envelope.get(m), str)), None)


def _key(value: Json, by: str) -> str:
    text = "" if value is None else str(value).strip()
    return (text.lower() if by in _LOWER_CASE else text) or NO_KEY


# ---------------------------------------------------------------- counts


def read_fields(items: Sequence[dict[str, Json]], events: Sequence[str]) -> Fields:
    """Return the counts of the events asked, one array of dtype Int64 each.

    A member that no item has is NA; one that only newer editions have is listed in `absent`.
    A missing ``unique`` is 0 where the total is 0, else NA. Members and events that are not known
    are left out and logged once.

    Raises
    ------
    ResponseError
        A count is negative or no whole number.
    """
    fields = Fields()
    _log_unknown(items, {"time", "type", *KEYS, *EVENTS, *_KEY_MEMBERS}, "item")
    for event in events:
        blocks = _members(items, event)
        if items and not any(blocks):
            fields.missing_events.append(event)
        _read_event(event, blocks, fields)
    return fields


def _read_event(event: str, blocks: list[Json], fields: Fields) -> None:
    wanted = [count for count in COUNTS.values() if count.path and count.path[0] == event]
    for parent in dict.fromkeys(count.path[:-1] for count in wanted):
        inner = _descend(blocks, parent[1:], event)
        members = {count.path[-1]: count.name for count in wanted if count.path[:-1] == parent}
        columns = _all_whole(inner, list(members)) or _each_whole(inner, list(members), parent)
        for name, values in zip(members.values(), columns, strict=True):
            fields.counts[name] = values
            if name in _NEWER_MEMBERS and any(inner) and fields.counts[name].isna().all():
                fields.absent.add(name)
    if event in ("opened", "clicked"):
        _complete_unique(f"unique_{event}", fields.counts[event], fields)


def _descend(blocks: list[Json], path: Sequence[str], event: str) -> list[Json]:
    for name in path:
        blocks = _members(blocks, name)
    if not set(map(type, blocks)) <= {dict, NoneType}:
        raise ResponseError(f"the answer's {event!r} is not an object of counts")
    return blocks


def _members(blocks: Sequence[Json], name: str) -> list[Json]:
    """Return one member of every block, None where it is missing."""
    try:
        return [block[name] for block in blocks]
    except (KeyError, TypeError):
        return [block.get(name) if isinstance(block, dict) else None for block in blocks]


def _all_whole(blocks: list[Json], members: Sequence[str]) -> list[Any] | None:
    """Read blocks that hold just these members as whole numbers; None for all others."""
    try:
        if set(map(len, blocks)) != {len(members)}:
            return None
        columns = [np.array([block[member] for block in blocks]) for member in members]
    except (KeyError, TypeError):
        return None
    if any(column.dtype != np.int64 or column.min() < 0 for column in columns):
        return None
    return [pd.arrays.IntegerArray(c, np.zeros(len(c), dtype=bool)) for c in columns]


def _each_whole(blocks: list[Json], members: Sequence[str], path: Sequence[str]) -> list[Any]:
    """Read member by member where some are missing, textual, wrong or not known."""
    known = {*members, "temporary", "permanent"}
    _log_unknown((block for block in blocks if block), known, ".".join(path))
    return [_whole_numbers(_members(blocks, m), ".".join((*path, m))) for m in members]


def _complete_unique(name: str, totals: Any, fields: Fields) -> None:
    """Mailgun leaves ``unique`` out where it is 0; where the total is above 0 it is unknown."""
    uniques = fields.counts[name]
    nothing = np.asarray(uniques.isna()) & np.asarray((totals == 0).fillna(value=False))
    if nothing.any():
        uniques[nothing] = 0


def _whole_numbers(values: list[Json], path: str) -> Any:
    numbers = [_whole_number(value, path) for value in values]
    mask = np.array([number is None for number in numbers], dtype=bool)
    try:
        data = np.array([number or 0 for number in numbers], dtype=np.int64)
    except OverflowError:
        raise ResponseError(f"a count of {path} is too large for 64 bits") from None
    if len(data) and data.min() < 0:
        raise ResponseError(f"the answer counts {data.min()} for {path}; a count is never negative")
    return pd.arrays.IntegerArray(data, mask)


def _whole_number(value: Json, path: str) -> int | None:
    # An edition of 2015 printed a total as text, "15".
    if value is None:
        return None
    if isinstance(value, str) and value.strip().lstrip("-").isdecimal():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ResponseError(f"the answer has {str(value)[:40]!r} for {path}, which is no count")


_logged: set[str] = set()


def _log_unknown(blocks: Iterable[Mapping[str, Json]], known: set[str], where: str) -> None:
    for name in set().union(*blocks) - known:
        text = f"{where}: {str(name)[:60]}"
        if text not in _logged:
            _logged.add(text)
            _LOG.warning("the answer has a field that mgframe does not know; left out: %s", text)


# ---------------------------------------------------------------- lifetime counters


def counters_of(body: Json, level: str) -> dict[str, dict[str, Json]]:
    """Return the counters of an aggregates answer by key; singular and plural members are read.

    Raises
    ------
    ResponseError
        The answer has neither member, or no counters in it.
    """
    plural = {"country": "countries"}.get(level, f"{level}s")
    found = body.get(plural, body.get(level)) if isinstance(body, dict) else None
    if not isinstance(found, dict) or not all(isinstance(row, dict) for row in found.values()):
        raise ResponseError(
            f"the answer has no {plural!r} with counters by {level}, as is documented; "
            f"got {str(body)[:80]!r}"
        )
    return {_key(key, level): row for key, row in found.items()}


def read_counters(rows: Sequence[dict[str, Json]]) -> dict[str, Any]:
    """Return the counters that any row has, one array each; one that a row leaves out is 0."""
    _log_unknown(rows, set(COUNTS), "aggregates")
    seen = set().union(*rows)
    return {
        name: _whole_numbers([row.get(name, 0) for row in rows], name)
        for name in COUNTS
        if name in seen
    }
