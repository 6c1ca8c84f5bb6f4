"""Pages of the Metrics API to one dense frame: chunks of counts and regions joined, gaps filled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mgframe.answering import origin, refuse_crooked, span_text, unknown_totals
from mgframe.checking import check_frame
from mgframe.client import Answer
from mgframe.errors import QueryError, ResponseError, warn
from mgframe.framing import build, empty_frame, kept_since, row_text
from mgframe.metrics_asking import TOTAL, Query
from mgframe.metrics_parsing import Page
from mgframe.paging import Pages
from mgframe.parsing import read_time
from mgframe.planning import Unsteady
from mgframe.smtp import redact
from mgframe.timespan import Window, buckets, floor, json_time, shift
from mgframe.vocabulary import NO_KEY, RESOLUTIONS

Codes = NDArray[np.int64]

#: More rows than this are no frame but a mistake: a window of hours by two keys of thousands.
_MOST_ROWS: Final = 50_000_000
#: Why hours may not be UTC's.
OTHER_ZONE: Final = "Mailgun gives hours in the time zone of the account's settings"
#: No zone is further from UTC.
_FURTHEST: Final = pd.Timedelta(hours=14)


@dataclass(frozen=True)
class Part:
    """The rows of one request series: where each lies among all, and the pages of their counts."""

    times: pd.DatetimeIndex | None
    combos: Codes
    pages: list[Page]
    region: str

    @property
    def counts(self) -> list[str]:
        """The names of the counts."""
        return list(self.pages[0].counts)

    def is_silent(self, name: str) -> bool:
        """Whether no row reports this count."""
        return len(self.combos) > 0 and all(page.counts[name].isna().all() for page in self.pages)


def metrics_frame(query: Query, series: Sequence[str], read: list[Pages]) -> pd.DataFrame:
    """Return the frame of a query; `series` names the region of each list of pages."""
    answers = [answer for pages in read for answer in pages]
    answered_at = pd.Timestamp(min(answer.date for answer in answers))
    levels = _levels(query, series, read)
    parts = [
        _part(query, levels, region, [answer.body for answer in pages])
        for region, pages in zip(series, read, strict=True)
    ]
    _refuse_other_windows(query, read)
    answered = _answered(query, answers[0].body, parts, answered_at)
    meta = _meta(query, answers, answered, answered_at)
    _warn_of_nothing(query, parts)
    _warn_of_no_key(query, answers)
    present = _present(query, levels, parts)
    if not len(present):
        return empty_frame(_index_names(query, levels), query.counts, meta=meta)
    grid = _grid(query, answered, answered_at)
    index, places = _index(query, levels, parts, present, grid)
    counts = _filled(parts, places, index, add=_merges(answers))
    if not query.timed and answered.start < kept_since(answered.resolution, answered_at):
        counts = unknown_totals(counts, answered)
    if "complained" in counts and query.is_silent():
        counts["complained"] = pd.array([None] * len(index), dtype="Int64")
    at = answered_at if query.timed else None
    return check_frame(build(index, counts, answered_at=at, meta=meta))


# ---------------------------------------------------------------- keys


def _levels(query: Query, series: Sequence[str], read: list[Pages]) -> dict[str, list[str]]:
    """Return the values of each level, sorted."""
    levels: dict[str, list[str]] = {}
    if query.regions != ("",):
        levels["region"] = sorted(set(series))
    for key in query.keys:
        found = {value for pages in read for a in pages for value in a.body.keys[key].values}
        levels[key] = sorted(found.union(query.values if key == query.keys[0] else ()))
    return levels or {"account": [query.account]}


def _part(query: Query, levels: dict[str, list[str]], region: str, pages: list[Page]) -> Part:
    """Put the pages of one series together."""
    combos = np.zeros(sum(page.size for page in pages), np.int64)
    for name, values in levels.items():
        combos *= len(values)
        place = {value: code for code, value in enumerate(values)}
        if name == "region":
            combos += place[region]
        elif name in query.keys:
            recoded = [_recoded(page, name, place) for page in pages]
            combos += np.concatenate(recoded)
    times = None
    if query.timed:
        times = _times(np.concatenate([_stamps(page) for page in pages]))
    part = Part(times, combos, pages, region)
    _warn_of_silence(query, part)
    return part


def _times(microseconds: Codes) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(microseconds.view("M8[us]")).tz_localize("UTC")


def _recoded(page: Page, key: str, place: dict[str, int]) -> Codes:
    labels = page.keys[key]
    return np.array([place[value] for value in labels.values], np.int64)[labels.codes]


def _stamps(page: Page) -> Codes:
    assert page.times is not None
    return np.asarray(page.times.asi8)


def _warn_of_silence(query: Query, part: Part) -> None:
    silent = [name for name in part.counts if part.is_silent(name)]
    if silent:
        warn(f"{query.endpoint} was asked for {', '.join(silent)} but did not report it; NA")


def _warn_of_nothing(query: Query, parts: list[Part]) -> None:
    """Warn where a filter matches nothing: it may be misspelt, and zeros alone would not tell."""
    if query.predicates and not query.values and not any(len(part.combos) for part in parts):
        keys = dict.fromkeys(p["attribute"] for p in query.predicates)
        warn(
            f"nothing matches where={'; '.join(_filters(query))}: is every value spelt as "
            f"mg.metrics(by={next(iter(keys))!r}) has it?"
        )


def _warn_of_no_key(query: Query, answers: list[Answer]) -> None:
    for key in sorted({key for answer in answers for key in answer.body.lacking}):
        warn(f"{query.endpoint} left some rows without a {key}; they are under '{NO_KEY}'")


# ---------------------------------------------------------------- time


def _refuse_other_windows(query: Query, read: list[Pages]) -> None:
    """Refuse chunks of counts, or regions, that were answered for different windows."""
    told = {tuple(sorted(pages[0].body.envelope.items())) for pages in read}
    if len(told) > 1:
        raise Unsteady(f"{query.endpoint} answered different windows to requests of one question")


def _answered(query: Query, first: Page, parts: list[Part], answered_at: pd.Timestamp) -> Window:
    """Return the window that the answer says or shows; the frame follows the answer."""
    asked, said = query.window, first.envelope
    width = said.get("resolution")
    width = width if width in RESOLUTIONS else asked.resolution
    start, end = asked.start, asked.end
    if "start" in said and "end" in said:
        start, end = floor(read_time(said["start"]), width), floor(read_time(said["end"]), width)
    if query.timed:
        _refuse_other_zone(query, start, end, parts, width, answered_at)
        for part in parts:
            if part.times is not None and len(part.times):  # never narrower than what came
                start, end = min(start, part.times.min()), max(end, part.times.max())
    window = Window(start, max(start, end), width)
    if (window.start, window.end, width) != (asked.start, asked.end, asked.resolution):
        warn(
            f"asked {span_text(asked)}, answered {span_text(window)}; the frame follows the answer"
        )
    return window


def _refuse_other_zone(
    query: Query,
    start: pd.Timestamp,
    end: pd.Timestamp,
    parts: list[Part],
    width: str,
    answered_at: pd.Timestamp,
) -> None:
    """Refuse buckets that are not UTC's, although they say so.

    Labels with an offset are UTC already when they come here. What is left shows as buckets that
    do not begin with UTC's, that begin after the answer was given, or as a window that came back
    shifted as a whole.
    """
    reason = f"{OTHER_ZONE}; set that to UTC"
    if width == "hour":
        reason = f"{reason}, or ask for resolution='day'"
    for part in parts:
        times = part.times
        if times is None or not len(times):
            continue
        try:
            refuse_crooked(times, width)
        except ResponseError as error:
            raise ResponseError(f"{error}: {reason}") from None
        if times.max() > floor(answered_at, width):
            raise ResponseError(
                f"{query.endpoint} answered the bucket {times.max():%Y-%m-%d %H:%M} UTC, which "
                f"begins after the answer itself ({answered_at:%Y-%m-%d %H:%M} UTC): {reason}"
            )
    shift, last = start - query.window.start, end - query.window.end
    # At both ends, and as far but for the hour by which a clock changes.
    shifted = min(abs(shift), abs(last)) > pd.Timedelta(0) and abs(shift) <= _FURTHEST
    if width == "hour" and shifted and abs(shift - last) <= pd.Timedelta(hours=1):
        raise ResponseError(
            f"{query.endpoint} answered hours shifted by {shift / pd.Timedelta(hours=1):+g} h: "
            f"{reason}"
        )


def _grid(query: Query, answered: Window, answered_at: pd.Timestamp) -> pd.DatetimeIndex | None:
    """Return the buckets to fill: none after the answer was given."""
    if not query.timed:
        return None
    newest = floor(answered_at, answered.resolution)
    return buckets(answered.start, min(answered.end, newest), answered.resolution)


# ---------------------------------------------------------------- joining


def _present(query: Query, levels: dict[str, list[str]], parts: list[Part]) -> Codes:
    """Return the key combinations that occur; account, regions and named keys always do."""
    if not query.keys or query.values:
        return np.arange(len(next(iter(levels.values()))))
    return np.unique(np.concatenate([part.combos for part in parts]))


def _index_names(query: Query, levels: dict[str, list[str]]) -> list[str]:
    return [*(["time"] * query.timed), *(query.level(name) for name in levels)]


def _index(
    query: Query,
    levels: dict[str, list[str]],
    parts: list[Part],
    present: Codes,
    grid: pd.DatetimeIndex | None,
) -> tuple[pd.MultiIndex, list[Codes]]:
    """Return the index of the frame, and the place in it of each part's rows."""
    dense = (1 if grid is None else len(grid)) * len(present)
    if query.fill and dense > _MOST_ROWS:
        raise QueryError(
            f"the dense frame would have {dense:,} rows; fill=False keeps those that the answer "
            "has, or ask for fewer keys or a shorter window"
        )
    places = [_place(part, present, grid) for part in parts]
    rows = np.arange(dense) if query.fill else np.unique(np.concatenate(places))
    index = _multi_index(query, levels, present, grid, rows)
    places = places if query.fill else [np.searchsorted(rows, place) for place in places]
    return index, places


def _place(part: Part, present: Codes, grid: pd.DatetimeIndex | None) -> Codes:
    combo = np.searchsorted(present, part.combos)
    if grid is None or part.times is None:
        return combo
    return np.asarray(grid.get_indexer(part.times), np.int64) * len(present) + combo


def _multi_index(
    query: Query,
    levels: dict[str, list[str]],
    present: Codes,
    grid: pd.DatetimeIndex | None,
    rows: Codes,
) -> pd.MultiIndex:
    bucket, combo = np.divmod(rows, len(present))
    combos, codes = present[combo], []
    for values in reversed(levels.values()):
        combos, code = np.divmod(combos, len(values))
        codes.append(code)
    plain: list[Any] = [pd.Index(values, dtype="str") for values in levels.values()]
    placed: list[Any] = codes[::-1]
    if grid is not None:
        plain, placed = [_times(grid.asi8), *plain], [bucket, *placed]
    names = _index_names(query, levels)
    return pd.MultiIndex(plain, placed, names=names, verify_integrity=False)


def _refuse_repeated(index: pd.MultiIndex, place: Codes) -> None:
    seen = np.bincount(place, minlength=len(index))
    if seen.max(initial=0) > 1:
        twice = row_text(index[int(seen.argmax())])
        raise Unsteady(
            f"the answer holds the row {twice} twice, as when an account counts on while its pages "
            "are read"
        )


def _merges(answers: list[Answer]) -> bool:
    """Return whether two spellings of the answers are one key here, so that rows are added up."""
    spellings: dict[tuple[str, str], set[str | None]] = {}
    for answer in answers:
        for key, labels in answer.body.keys.items():
            for value, texts in labels.spellings.items():
                spellings.setdefault((key, value), set()).update(texts)
    return any(len(texts) > 1 for texts in spellings.values())


def _filled(
    parts: list[Part], places: list[Codes], index: pd.MultiIndex, *, add: bool
) -> dict[str, Any]:
    """Return the counts of all rows; what the answer leaves out is 0, of a count it has."""
    data: dict[str, NDArray[np.int64]] = {}
    unknown: dict[str, NDArray[np.bool_]] = {}
    for part, place in zip(parts, places, strict=True):
        if not add:
            _refuse_repeated(index, place)
        for name in part.counts:
            if name not in data:
                data[name] = np.zeros(len(index), np.int64)
                unknown[name] = np.zeros(len(index), np.bool_)
            if part.is_silent(name):
                unknown[name][_rows_of_region(index, part.region)] = True
        first = 0
        for page in part.pages:  # one by one: all of them joined would be as large as the frame
            where = place[first : first + page.size]
            for name, values in page.counts.items():
                np.add.at(data[name], where, values.to_numpy(dtype="int64", na_value=0))
                unknown[name][where[values.isna()]] = True
            first += page.size
    return {name: pd.arrays.IntegerArray(data[name], unknown[name]) for name in data}


def _rows_of_region(index: pd.MultiIndex, region: str) -> Any:
    if "region" not in index.names:
        return slice(None)
    return np.asarray(index.get_level_values("region") == region)


# ---------------------------------------------------------------- what the frame knows


def _meta(
    query: Query, answers: list[Answer], answered: Window, answered_at: pd.Timestamp
) -> dict[str, Any]:
    last_end = shift(answered.end, 1, answered.resolution)
    newest = floor(answered_at, answered.resolution)
    meta = origin(query.client, query.endpoint, answers, {})
    if query.regions != ("",):
        meta["region"] = list(query.regions)
    meta |= {
        "request": _request(query),
        "resolution": answered.resolution if query.timed else TOTAL,
        "asked": [json_time(query.window.start), json_time(query.window.end)],
        "answered": [json_time(answered.start), json_time(answered.end)],
        "complete_until": json_time(min(last_end, newest)),
    }
    names = _names(answers)
    query.client.remember(names)
    return {**meta, "names": names} if names else meta


def _request(query: Query) -> dict[str, Any]:
    """Return the question in few words: what the frame itself does not show."""
    asked = query.body(query.counts)
    kept = ("start", "end", "duration", "resolution", "dimensions", "include_subaccounts")
    request = {name: asked[name] for name in kept if name in asked}
    if query.predicates:
        request["where"] = _filters(query)
    return request


def _filters(query: Query) -> list[str]:
    """Return the filters in words, without anybody's address."""
    return [
        redact(f"{p['attribute']} {p['comparator']} {', '.join(v['value'] for v in p['values'])}")
        for p in query.predicates
    ]


def _names(answers: list[Answer]) -> dict[str, dict[str, str]]:
    names: dict[str, dict[str, str]] = {}
    for answer in answers:
        for key, found in answer.body.names.items():
            names.setdefault(key, {}).update(found)
    return names
