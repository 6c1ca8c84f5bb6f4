"""Spans of time that were read: which, when, and whether they may still change. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from mgframe.timespan import floor, json_time, read_moment

Span = tuple[pd.Timestamp, pd.Timestamp]


@dataclass(frozen=True)
class Read:
    """Buckets from `start` to `until` (exclusive), as they were at `at`; None where final.

    `doubted` is an answer in which something was missing that had been there: what has no row then
    is unknown, not zero, and it is not final before a better answer came.
    """

    start: pd.Timestamp
    until: pd.Timestamp
    at: pd.Timestamp | None = None
    doubted: bool = False

    @property
    def span(self) -> Span:
        """Its start and end."""
        return self.start, self.until

    def to_json(self) -> list[str | bool | None]:
        """Return the read as plain JSON."""
        at = None if self.at is None else json_time(self.at)
        return [json_time(self.start), json_time(self.until), at, self.doubted]

    @classmethod
    def from_json(cls, said: Sequence[str | bool | None]) -> Read:
        """Return the read that :meth:`to_json` wrote."""
        start, until, at, doubted = said
        return cls(moment(start), moment(until), (at and moment(at)) or None, bool(doubted))


def moment(text: object) -> pd.Timestamp:
    """Return a moment that JSON holds."""
    return read_moment(str(text), argument="the archive's time")


def united(spans: Iterable[Span]) -> list[Span]:
    """Return the spans in order, those that touch as one."""
    found: list[Span] = []
    for start, until in sorted(spans):
        if start >= until:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], until))
        else:
            found.append((start, until))
    return found


def without(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """Return what of the spans no other one covers."""
    left = united(spans)
    for start, until in united(taken):
        left = [
            part
            for a, b in left
            for part in ((a, min(b, start)), (max(a, until), b))
            if part[0] < part[1]
        ]
    return left


def within(spans: Iterable[Span], start: pd.Timestamp, until: pd.Timestamp) -> list[Span]:
    """Return what of the spans lies between two moments."""
    cut = [(max(a, start), min(b, until)) for a, b in spans]
    return [(a, b) for a, b in united(cut) if a < b]


def read_again(
    reads: Iterable[Read], fresh: Read, lag: pd.Timedelta, resolution: str
) -> tuple[Read, ...]:
    """Return the reads with a fresh one in the place of what it covers.

    Of it, what ended more than `lag` before it was read is final, unless it is doubted: a better
    answer can still come.
    """
    kept = [
        replace(read, start=a, until=b)
        for read in reads
        for a, b in without([read.span], [fresh.span])
    ]
    return joined([*kept, *_split(fresh, lag, resolution)])


def _split(read: Read, lag: pd.Timedelta, resolution: str) -> list[Read]:
    if read.at is None or read.doubted:
        return [read]
    edge = floor(read.at - lag, resolution)
    final = Read(read.start, min(read.until, edge))
    moving = replace(read, start=max(read.start, edge))
    return [part for part in (final, moving) if part.start < part.until]


def joined(reads: Iterable[Read]) -> tuple[Read, ...]:
    """Return the reads in order; neighbours that know the same are one."""
    found: list[Read] = []
    for read in sorted(reads, key=lambda read: read.start):
        last = found[-1] if found else None
        if last and last.until == read.start and (last.at, last.doubted) == (read.at, read.doubted):
            found[-1] = replace(last, until=read.until)
        else:
            found.append(read)
    return tuple(found)


def holding(times: pd.DatetimeIndex, spans: Iterable[Span]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return which span holds each time, -1 for none. Spans do not overlap."""
    spans = list(spans)
    order = np.argsort(np.array([a.value for a, _ in spans], dtype="int64"), kind="stable")
    starts = pd.DatetimeIndex([spans[i][0] for i in order], tz="UTC").as_unit("us")
    untils = pd.DatetimeIndex([spans[i][1] for i in order], tz="UTC").as_unit("us")
    if not len(spans):
        return np.full(len(times), -1, dtype="int64")
    at = np.asarray(starts.searchsorted(times, side="right"), dtype="int64") - 1
    inside = (at >= 0) & np.asarray(times < untils.take(np.maximum(at, 0)))
    return np.where(inside, order[np.maximum(at, 0)], -1)
