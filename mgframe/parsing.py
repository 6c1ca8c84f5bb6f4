"""JSON of the Stats API to columns: times, keys and counts, whatever edition or shape it comes in.

Public material does not settle where a grouped answer holds its key, so five plausible shapes are
read (:func:`grouped_rows`), and the one that matched is reported. Nothing is guessed: a row without
a key gets ``"(none)"``, a count that is no count is a :class:`ResponseError`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from itertools import chain
from operator import itemgetter
from types import NoneType
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.errors import ResponseError
from mgframe.vocabulary import COUNTS, EVENTS, KEYS, NO_KEY

Json = Any

_LOG: Final = logging.getLogger("mgframe")
_MONTHS: Final = {
    month.encode(): f"{number:02d}".encode()
    for number, month in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
        start=1,
    )
}
#: Where "Mon, 17 Feb 2025 00:00:00" has its marks.
_MARKS: Final = [3, 4, 7, 11, 16, 19, 22]
_MARK_LETTERS: Final = np.array(list(",    ::"), dtype="S1")
_UTC_SUFFIXES: Final = frozenset({b" UTC", b" GMT", b" +0000", b" -0000"})
#: Mailgun began in 2010: zero times of other systems (0001, read as 2001, and 1970) are no buckets.
_YEARS: Final = range(2010, 2200)
_KEY_MEMBERS: Final = ("key", "name", "value", "group", "id")
_ENVELOPE: Final = ("description", "tag", "type")
_NONE_SAID: Final = {"total": 0}
_NONE: Final = {"total": 0, "unique": 0}
_FAILED: Final = frozenset({"temporary", "permanent"})
#: Members that came after 2016; an edition without them had nothing to count.
_NEWER_MEMBERS: Final = frozenset({"webhook", "delayed_bounce"})
_LOWER_CASE: Final = frozenset({"country", "device"})
#: Above it JSON numbers are not exact everywhere, and sums would leave 64 bits: it is no count.
_MOST: Final = 2**53
_WHOLE: Final = re.compile(r"-?[0-9]{1,20}")


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
    times = _read_fixed_width(texts)
    if times is None:  # the slow way, which says which text is wrong
        return pd.DatetimeIndex([read_time(text) for text in texts], dtype="datetime64[us, UTC]")
    for extreme in (times.min(), times.max()):
        _refuse_other_times(extreme)
    return times


def _read_fixed_width(texts: Sequence[str]) -> pd.DatetimeIndex | None:
    """Read texts like "Mon, 17 Feb 2025 00:00:00 UTC" all at once; None for all others."""
    try:
        table = np.array(texts, dtype="S")
        chars = table.view("S1").reshape(len(table), -1)
        suffixes = _part(chars, 25, None)
        if suffixes[0] not in _UTC_SUFFIXES or (suffixes != suffixes[0]).any():
            return None
        if (chars[:, _MARKS] != _MARK_LETTERS).any():
            return None
        months, which = np.unique(_part(chars, 8, 11), return_inverse=True)
        numbers = np.array([_MONTHS[month] for month in months.tolist()])
        iso = np.full((len(table), 19), b"-")  # an ISO text is what numpy reads fastest
        iso[:, :4], iso[:, 5:7] = chars[:, 12:16], numbers[which].view("S1").reshape(-1, 2)
        iso[:, 8:10], iso[:, 10], iso[:, 11:] = chars[:, 5:7], b"T", chars[:, 17:25]
        return pd.DatetimeIndex(_part(iso, 0, 19).astype("datetime64[us]")).tz_localize("UTC")
    except (KeyError, IndexError, ValueError, TypeError):
        return None


def _part(chars: Any, first: int, last: int | None) -> Any:
    """Return some columns of a table of characters as one text a row."""
    part = np.ascontiguousarray(chars[:, first:last])
    return part.view(f"S{part.shape[1]}").ravel()


def read_time(text: Json) -> pd.Timestamp:
    """Return one RFC 2822 time in UTC, else raise :class:`ResponseError`."""
    moment = _time_or_none(text)
    if moment is None:
        raise ResponseError(
            f"the answer holds the time {str(text)[:60]!r}, which is no RFC 2822 date"
        )
    _refuse_other_times(moment)
    return moment


def _refuse_other_times(moment: pd.Timestamp) -> None:
    if moment.year not in _YEARS:
        raise ResponseError(f"the answer holds the time {moment}, long before or after Mailgun's")


def _time_or_none(text: Json) -> pd.Timestamp | None:
    if not isinstance(text, str):
        return None
    try:
        parsed = parsedate_to_datetime(text.replace(" UTC", " GMT"))
        stamp = pd.Timestamp(parsed)
        stamp = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
        return stamp.as_unit("us")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


# ---------------------------------------------------------------- envelopes and shapes


def envelope_of(body: Json) -> dict[str, Json]:
    """Return the members that surround the items: start, end, resolution and the like.

    Raises
    ------
    ResponseError
        The answer is neither an envelope with ``stats`` nor a list of them.
    """
    if body == []:
        return {}
    envelope = body[0] if isinstance(body, list) else body
    _refuse_other(envelope)
    return {name: value for name, value in envelope.items() if name != "stats"}


def _refuse_other(envelope: Json) -> None:
    if not isinstance(envelope, dict) or "stats" not in envelope:
        raise ResponseError(
            "the answer is not what the Stats API documents: an object with 'stats' was expected, "
            f"got {str(envelope)[:80]!r}"
        )


def envelope_notes(envelope: Mapping[str, Json]) -> dict[str, Json]:
    """Return what of an envelope belongs in attrs: description, tag and type, where set."""
    return {name: envelope[name] for name in _ENVELOPE if envelope.get(name)}


def plain_rows(body: Json, key: str) -> Rows:
    """Return the items of an ungrouped answer, all with the same key."""
    _refuse_other(body)
    items = _items(body["stats"])
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
        return Rows(items, [key_text(k, by) for k in keys], "member")
    if items and all(isinstance(i["time"], str) and not _time_or_none(i["time"]) for i in items):
        return Rows(items, [key_text(item["time"], by) for item in items], "time")
    key = _envelope_key(envelope, by)
    if key is not None:
        return Rows(items, [key_text(key, by)] * len(items), "envelopes")
    return Rows(items, [NO_KEY] * len(items), "none")


def _items(stats: Json) -> list[dict[str, Json]]:
    if stats is None:
        return []
    if not isinstance(stats, list) or not all(type(i) is dict and "time" in i for i in stats):
        raise ResponseError("the answer's 'stats' is not a list of buckets that have a 'time'")
    return stats


def _from_envelopes(envelopes: list[Json], by: str) -> Rows:
    items: list[dict[str, Json]] = []
    keys: list[str] = []
    for envelope in envelopes:
        _refuse_other(envelope)
        part = _items(envelope["stats"])
        items += part
        keys += [key_text(_envelope_key(envelope, by), by)] * len(part)
    return Rows(items, keys, "envelopes")


def _from_map(stats: Mapping[str, Json], by: str) -> Rows:
    parts = {key: _items(part if isinstance(part, list) else [part]) for key, part in stats.items()}
    keys = [key_text(key, by) for key, part in parts.items() for _ in part]
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


def key_text(value: Json, by: str) -> str:
    """Return a key as frames hold it: text, stripped; countries and devices in lower case."""
    # A name that no encoding can hold (half of a surrogate pair) would fail much later.
    text = value.strip().encode(errors="replace").decode() if isinstance(value, str) else ""
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
        _read_event(event, _members(items, event, "stats"), fields)
    return fields


def _read_event(event: str, found: Sequence[Json], fields: Fields) -> None:
    if found and not any(found):
        fields.missing_events.append(event)
    if event in ("opened", "clicked"):  # where it is the rule, read it at once with the rest
        found = [_NONE if block == _NONE_SAID else block for block in found]
    wanted = [count for count in COUNTS.values() if count.path and count.path[0] == event]
    for parent in dict.fromkeys(count.path[:-1] for count in wanted):
        blocks = _descend(found, parent[1:], event)
        members = {count.path[-1]: count.name for count in wanted if count.path[:-1] == parent}
        columns = read_columns(blocks, list(members), ".".join(parent))
        for name, values in zip(members.values(), columns, strict=True):
            fields.counts[name] = values
            if name in _NEWER_MEMBERS and any(blocks) and values.isna().all():
                fields.absent.add(name)
    if event == "failed":
        _log_unknown(filter(None, found), _FAILED, event)
    if event in ("opened", "clicked") and fields.counts[f"unique_{event}"].isna().any():
        _complete_unique(f"unique_{event}", fields.counts[event], fields)


def _descend(blocks: Sequence[Json], path: Sequence[str], event: str) -> Sequence[Json]:
    for name in path:
        blocks = _members(blocks, name, event)
    return blocks


def _members(blocks: Sequence[Json], name: str, where: str) -> list[Json]:
    """Return one member of every block, None where it is missing."""
    try:
        return list(map(itemgetter(name), blocks))
    except (KeyError, TypeError):
        if not set(map(type, blocks)) <= {dict, NoneType}:
            raise ResponseError(f"the answer's {where!r} is not an object of counts") from None
        return [None if block is None else block.get(name) for block in blocks]


def read_columns(blocks: Sequence[Json], members: Sequence[str], where: str) -> list[Any]:
    """Return one column of whole numbers for each member of the blocks, NA where it is missing.

    Raises
    ------
    ResponseError
        A member is negative or no whole number; the message says `where`.
    """
    return _all_whole(blocks, members) or _each_whole(blocks, members, where)


def _all_whole(blocks: Sequence[Json], members: Sequence[str]) -> list[Any] | None:
    """Read blocks that hold just these members as whole numbers; None for all others."""
    try:
        if sum(map(len, blocks)) != len(blocks) * len(members):
            return None
        values = chain.from_iterable(map(itemgetter(member), blocks) for member in members)
        numbers = _counts_or_none(list(values))
    except (KeyError, TypeError):
        return None
    if numbers is None:
        return None
    size = len(blocks)
    return [numbers[place * size : (place + 1) * size] for place in range(len(members))]


def _counts_or_none(values: list[Json]) -> Any:
    """Return whole numbers from 0 up as a column without NA; None where a value is no such."""
    if list(map(type, values)).count(int) < len(values):  # numpy would take true for 1
        return None
    try:
        data = np.fromiter(values, dtype=np.int64, count=len(values))
    except OverflowError:
        return None
    if len(data) and (data.min() < 0 or data.max() > _MOST):
        return None
    return pd.arrays.IntegerArray(data, np.zeros(len(data), dtype=bool))


def _each_whole(blocks: Sequence[Json], members: Sequence[str], where: str) -> list[Any]:
    """Read member by member where some are missing, textual, wrong or not known."""
    columns = [_whole_numbers(_members(blocks, m, where), f"{where}.{m}") for m in members]
    _log_unknown(filter(None, blocks), {*members}, where)
    return columns


def _complete_unique(name: str, totals: Any, fields: Fields) -> None:
    """Mailgun leaves ``unique`` out where it is 0; where the total is above 0 it is unknown."""
    uniques = fields.counts[name]
    nothing = uniques.isna() & (totals == 0).to_numpy(dtype=bool, na_value=False)
    if nothing.any():
        uniques[nothing] = 0


def _whole_numbers(values: list[Json], path: str) -> Any:
    if (counts := _counts_or_none(values)) is not None:
        return counts
    if not set(map(type, values)) <= {int, NoneType}:
        values = [_whole_number(value, path) for value in values]
    unknown = np.array([value is None for value in values], dtype=bool)
    counts = _counts_or_none([0 if value is None else value for value in values])
    if counts is None:
        wrong = next(v for v in values if v is not None and not 0 <= v <= _MOST)
        why = "a count is never negative" if wrong < 0 else "no count is that large"
        raise ResponseError(f"the answer counts {wrong} for {path}; {why}")
    return pd.arrays.IntegerArray(counts.to_numpy(), unknown)


def _whole_number(value: Json, path: str) -> int | None:
    # An edition of 2015 printed a total as text, "15".
    if value is None or type(value) is int:
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value)
    raise ResponseError(f"the answer has {str(value)[:40]!r} for {path}, which is no count")


_logged: set[str] = set()


def _log_unknown(blocks: Iterable[Mapping[str, Json]], known: Set[str], where: str) -> None:
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
    counters = {key_text(key, level): row for key, row in found.items()}
    if len(counters) < len(found):
        raise ResponseError(f"the answer names a {level} twice, in other spellings")
    return counters


def read_counters(rows: Sequence[dict[str, Json]]) -> dict[str, Any]:
    """Return the counters that any row has, one array each; one that a row leaves out is 0."""
    _log_unknown(rows, set(COUNTS), "aggregates")
    seen = set().union(*rows)
    return {
        name: _whole_numbers([row.get(name, 0) for row in rows], name)
        for name in COUNTS
        if name in seen
    }
