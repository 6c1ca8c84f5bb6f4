"""JSON of the Metrics API to columns: times, keys and counts of one page, without its text.

A page is reduced to arrays as soon as it comes: decoded JSON takes some twenty times their room.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from types import NoneType
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mgframe.errors import ResponseError
from mgframe.parsing import Json, key_text, read_columns, read_times
from mgframe.vocabulary import NO_KEY

_UNKNOWN: Final = "unknown"
#: Levels whose values users invent, so that "Unknown" may be a name.
_INVENTED: Final = frozenset({"tag"})
_TIME: Final = "time"


@dataclass(frozen=True)
class Labels:
    """The keys of a page's rows in one dimension: a code a row, and what the codes stand for.

    `spellings` are the texts of the answer that each value stands for, None where it has none.
    """

    codes: NDArray[np.int64]
    values: list[str]
    spellings: dict[str, set[str | None]] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """One page of rows.

    `times` is None where the window is one total, `keys` are in the order asked, `counts` has one
    masked integer array for each count, `names` what `display_value` calls a key, by level, where
    it is another text. `envelope` is what surrounds the items, `lacking` are the keys that some row
    does not have.
    """

    size: int
    total: int | None
    envelope: dict[str, Json]
    times: pd.DatetimeIndex | None
    keys: dict[str, Labels]
    counts: dict[str, Any]
    names: dict[str, dict[str, str]]
    lacking: frozenset[str] = frozenset()


def read_page(body: Json, keys: Sequence[str], counts: Sequence[str], *, timed: bool) -> Page:
    """Return one page of an answer about these dimensions and counts.

    Raises
    ------
    ResponseError
        The answer is not what is documented, or holds a time or a count that is none.
    """
    dimensions, metrics = _items(body)
    envelope = {name: body[name] for name in ("start", "end", "resolution") if name in body}
    columns = _dimensions(dimensions, [*([_TIME] * timed), *keys])
    times = _times(_texts(columns.pop(_TIME))) if timed else None
    labels, names = {}, {}
    for key in keys:
        labels[key], names[key] = _labels(key, columns[key])
    return Page(
        len(metrics),
        _total(body),
        envelope,
        times,
        labels,
        _counts(metrics, counts),
        {key: found for key, found in names.items() if found},
        frozenset(key for key in keys if None in columns[key]),
    )


def same_rows(page: Page, other: Page) -> bool:
    """Return whether two pages are about the same times and keys, in whatever order."""
    return page.size == other.size and _rows_of(page) == _rows_of(other)


def _rows_of(page: Page) -> list[tuple[Any, ...]]:
    columns: list[list[Any]] = [] if page.times is None else [page.times.asi8.tolist()]
    columns += [[labels.values[code] for code in labels.codes] for labels in page.keys.values()]
    return sorted(zip(*columns, strict=True))


def _items(body: Json) -> tuple[list[list[Json]], list[dict[str, Json]]]:
    """Return the dimensions and the metrics of every item."""
    items = body.get("items") if isinstance(body, dict) else None
    if items is None and isinstance(body, dict) and "items" in body:
        return [], []
    if isinstance(items, list) and set(map(type, items)) <= {dict}:
        dimensions, metrics = _members(items, "dimensions"), _members(items, "metrics")
        if set(map(type, dimensions)) <= {list, NoneType} and set(map(type, metrics)) <= {dict}:
            return [row or [] for row in dimensions], metrics
    raise ResponseError(
        "the answer is not what the Metrics API documents: 'items' with 'dimensions' and "
        f"'metrics' were expected, got {str(body)[:80]!r}"
    )


def _members(rows: list[Json], name: str) -> list[Json]:
    """Return a member of every row, None where it is missing."""
    try:
        return list(map(itemgetter(name), rows))
    except (KeyError, TypeError):
        return [row and row.get(name) for row in rows]


def _total(body: Mapping[str, Json]) -> int | None:
    pagination = body.get("pagination")
    total = pagination.get("total") if isinstance(pagination, dict) else None
    return total if type(total) is int and total >= 0 else None


def _dimensions(rows: list[list[Json]], names: Sequence[str]) -> dict[str, list[Json]]:
    """Return the members of each dimension, None where a row lacks it."""
    try:
        if set(map(len, rows)) == {len(names)}:
            columns = [list(column) for column in zip(*rows, strict=True)]
            found = [set(map(itemgetter("dimension"), column)) for column in columns]
            if all(said <= {name} for said, name in zip(found, names, strict=True)):
                return dict(zip(names, columns, strict=True))
        known = [{member["dimension"]: member for member in row or []} for row in rows]
    except (KeyError, TypeError):
        raise ResponseError("the answer's 'dimensions' are not named values") from None
    return {name: [row.get(name) for row in known] for name in names}


def _texts(members: list[Json]) -> list[str]:
    try:
        texts = list(map(itemgetter("value"), members))
    except (KeyError, TypeError):
        raise ResponseError("the answer has a row without its time") from None
    if not set(map(type, texts)) <= {str}:
        raise ResponseError("the answer has a row whose time is no text")
    return texts


def _times(texts: list[str]) -> pd.DatetimeIndex:
    """Return the times of texts, of which many are the same."""
    place = {text: code for code, text in enumerate(dict.fromkeys(texts))}
    codes = np.fromiter(map(place.__getitem__, texts), dtype=np.int64, count=len(texts))
    return read_times(list(place))[codes]


def _labels(key: str, members: list[Json]) -> tuple[Labels, dict[str, str]]:
    """Return codes and values of a dimension, and the names that differ from the values."""
    said, shown = _members(members, "value"), _members(members, "display_value")
    known = {value: _label(key, value) for value in _distinct(said)}
    values = sorted(set(known.values()))
    place = {value: code for code, value in enumerate(values)}
    code = {value: place[label] for value, label in known.items()}
    codes = np.fromiter(map(code.__getitem__, said), dtype=np.int64, count=len(said))
    spellings: dict[str, set[str | None]] = {}
    for text, label in known.items():
        spellings.setdefault(label, set()).add(text)
    labels = Labels(codes, values, spellings)
    if shown == said:
        return labels, {}
    pairs = _distinct(zip(said, shown, strict=True))
    return labels, _names((known[value], name) for value, name in pairs)


def _names(shown: Iterable[tuple[str, Json]]) -> dict[str, str]:
    """Return what values are called, where that is another text; of several names the first."""
    said = [(v, key_text(n, "")) for v, n in shown if isinstance(n, str) and n.strip()]
    other = [(value, name) for value, name in said if name.lower() != value.lower()]
    return dict(sorted(other, reverse=True))


def _distinct(said: Iterable[Json]) -> set[Json]:
    try:
        return set(said)
    except TypeError:
        raise ResponseError("the answer has a dimension whose value is no text") from None


def _label(key: str, value: Json) -> str:
    if not isinstance(value, str | NoneType):
        raise ResponseError(f"the answer has the {key} {str(value)[:40]!r}, which is no text")
    text = key_text(value, key) if value else NO_KEY
    return _UNKNOWN if text.lower() == _UNKNOWN and key not in _INVENTED else text


def _counts(rows: list[dict[str, Json]], counts: Sequence[str]) -> dict[str, Any]:
    members = [f"{name}_count" for name in counts]
    return dict(zip(counts, read_columns(rows, members, "metrics"), strict=True))


def read_rates(rows: Sequence[Mapping[str, Json]], name: str) -> NDArray[np.float64]:
    """Return a rate that the API reports: texts of four decimals; missing ones are NaN.

    Raises
    ------
    ResponseError
        A rate is no number.
    """
    return np.array([_rate(row.get(name), name) for row in rows], dtype=np.float64)


def _rate(said: Json, name: str) -> float:
    if said is None or said == "":
        return float("nan")
    try:
        rate = float(said) if isinstance(said, str | int | float) else None
    except ValueError:
        rate = None
    if rate is None or isinstance(said, bool) or not np.isfinite(rate):
        raise ResponseError(f"the answer has {str(said)[:40]!r} for {name}, which is no rate")
    return rate
