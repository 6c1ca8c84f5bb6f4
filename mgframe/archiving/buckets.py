"""Which buckets a frame has, and which of them each bucket of a table falls into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Final

import numpy as np
import pandas as pd

from mgframe.archiving.spans import Span, holding, without
from mgframe.archiving.states import State
from mgframe.archiving.tracks import Track
from mgframe.errors import QueryError, suggestion, warn
from mgframe.periods import FITS, local_hours
from mgframe.summing import Booleans, Integers
from mgframe.timespan import (
    Moment,
    bucket_ends,
    bucket_starts,
    buckets,
    floor,
    read_zone,
    resolve,
    shift,
)
from mgframe.vocabulary import RESOLUTIONS

#: From the finest to the coarsest.
WIDTHS: Final = ("hour", *FITS)
_MOST_NAMED: Final = 3


@dataclass(frozen=True)
class Asked:
    """A window in a user's words, as every function takes it."""

    start: Moment | None = None
    end: Moment | None = None
    last: str | None = None
    period: str | None = None
    tz: str | tzinfo | None = None
    resolution: str | None = None
    partial: bool = False

    @property
    def says_window(self) -> bool:
        """Whether it names any window; otherwise everything is meant."""
        return any(said is not None for said in (self.start, self.end, self.last, self.period))


@dataclass(frozen=True)
class Buckets:
    """The buckets of a frame, `starts` (in UTC or in a zone), each `width` wide.

    `kept` are the starts of the table's own buckets in the window, `place` the frame's bucket that
    each of them is part of (-1 for one at the edge that is left out). `known` are those of them
    that were read without doubt: what has no row there is 0, and elsewhere unknown. `until` is
    where the window ends, `longer` whether a bucket has several parts.
    """

    width: str
    starts: pd.DatetimeIndex
    kept: pd.DatetimeIndex
    place: Integers
    known: Booleans
    until: pd.Timestamp
    longer: bool

    def unknown(self) -> Integers:
        """Return for each bucket how many of its parts were not read, or are doubted."""
        lacking = self.place[~self.known & (self.place >= 0)]
        return np.bincount(lacking, minlength=len(self.starts))

    def parts(self, size: int) -> Iterator[Buckets]:
        """Yield these buckets in parts of so many, one after the other."""
        for first in range(0, len(self.starts), size):
            here = (self.place >= first) & (self.place < first + size)
            yield replace(
                self,
                starts=self.starts[first : first + size],
                kept=self.kept[here],
                place=self.place[here] - first,
                known=self.known[here],
            )

    def table(self) -> pd.DataFrame:
        """Return a row for each bucket of the table: its time, its place, whether it is known."""
        return pd.DataFrame({"time": self.kept, "place": self.place, "known": self.known})


def read_width(track: Track, resolution: str | None) -> str:
    """Return the width of a frame's buckets.

    Raises
    ------
    QueryError
        There is no such width, or the track's buckets do not add up to it.
    """
    if resolution is None:
        return track.resolution
    if resolution not in WIDTHS:
        raise QueryError(
            f"resolution={resolution!r} must be one of {', '.join(map(repr, WIDTHS))}"
            f"{suggestion(resolution, WIDTHS)}"
        )
    if not fits(track.resolution, resolution):
        raise QueryError(
            f"resolution={resolution!r}: track {track.name!r} keeps {track.resolution}s, which do "
            f"not add up to {resolution}s; archive.find(resolution={resolution!r}) names a track "
            "that can"
        )
    return resolution


def fits(width: str, longer: str) -> bool:
    """Return whether buckets of a width add up to longer ones, or are of that width."""
    return width == longer or width in FITS.get(longer, ())


def read_buckets(track: Track, state: State, asked: Asked) -> Buckets | None:
    """Return the buckets of a frame of this track; None where nothing was ever read.

    Raises
    ------
    QueryError
        The window is no window, holds no complete bucket of the table, or its zone does not go
        with it.
    """
    width = read_width(track, asked.resolution)
    zone = _zone(track, asked.tz)
    if state.at is None or not state.covered:
        return None
    start, until = _window(track, state, asked, width, zone)
    kept = buckets(start, shift(until, -1, track.resolution), track.resolution)
    times = kept if zone is None or width == "hour" else local_hours(kept, zone)
    starts, place = _placed(times, width, track.resolution)
    if not asked.partial:
        whole = (starts >= start) & (bucket_ends(starts, width) <= until)
        starts, place = _without_edges(starts, place, np.asarray(whole))
        _warn_of_none(starts, width, start, until)
    known = holding(kept, state.known) >= 0
    found = Buckets(width, starts, kept, place, known, until, width != track.resolution)
    _warn_of_gaps(track, without([(start, until)], state.covered))
    return found


def _zone(track: Track, tz: str | tzinfo | None) -> tzinfo | None:
    """Return the zone of a frame's buckets and edges, None for UTC."""
    if tz is None:
        return None
    zone = read_zone(tz)
    if track.resolution != "hour" and str(zone) != "UTC":
        raise QueryError(
            f"tz={str(zone)!r} needs hours, and track {track.name!r} keeps {track.resolution}s, "
            "which are cut in UTC; archive.find(resolution='hour') names a track that has them"
        )
    return None if str(zone) == "UTC" else zone


def _window(track: Track, state: State, asked: Asked, width: str, zone: tzinfo | None) -> Span:
    """Return the first and the last moment (exclusive) of the table's buckets that are meant."""
    covered = state.covered
    if not asked.says_window:
        return covered[0][0], covered[-1][1]
    now = now_of(track, state)
    found = resolve(
        start=asked.start, end=asked.end, last=asked.last, period=asked.period, duration=None,
        resolution=_asked_width(track, width, zone), tz=zone, partial=asked.partial,
        now=now.to_pydatetime(),
    )  # fmt: skip
    after = bucket_ends(pd.DatetimeIndex([found.end]), found.resolution)[0]
    until = min(after, floor(now, track.resolution))
    if found.start >= until:
        raise QueryError(
            f"the window begins {found.start:%Y-%m-%d %H:%M} UTC, and the last complete "
            f"{track.resolution} of {track.name!r} ends {until:%Y-%m-%d %H:%M}; ask for an earlier "
            "one"
        )
    return found.start, until


def now_of(track: Track, state: State) -> pd.Timestamp:
    """Return the moment that a window counts from: the last sync's.

    A track that imports alone filled ends where they do.
    """
    synced = None if track.api == "none" else state.synced_at
    return state.covered[-1][1] if synced is None else synced


def _asked_width(track: Track, width: str, zone: tzinfo | None) -> str:
    """Return in which buckets the window is said: weeks and longer ones are made of days."""
    if zone is not None:
        return "hour"
    if width in RESOLUTIONS:
        return width
    return "month" if track.resolution == "month" else "day"


def _placed(
    times: pd.DatetimeIndex, width: str, resolution: str
) -> tuple[pd.DatetimeIndex, Integers]:
    """Return the buckets that the times fall into, in order, and the place of each."""
    if width == resolution:
        times = pd.DatetimeIndex(times, freq=None)  # type: ignore[arg-type]  # a frame's times have no frequency
        return times, np.arange(len(times), dtype="int64")
    owners = bucket_starts(times, width)
    starts = owners.unique()
    return starts, np.asarray(starts.get_indexer(owners), dtype="int64")


def _without_edges(
    starts: pd.DatetimeIndex, place: Integers, whole: Booleans
) -> tuple[pd.DatetimeIndex, Integers]:
    moved = np.where(whole, np.cumsum(whole) - 1, -1)
    return starts[whole], moved[place]


def _warn_of_none(
    starts: pd.DatetimeIndex, width: str, start: pd.Timestamp, until: pd.Timestamp
) -> None:
    if not len(starts):
        warn(
            f"no {width} is complete between {start} and {until}; partial=True keeps "
            f"incomplete {width}s"
        )


def _warn_of_gaps(track: Track, gaps: list[Span]) -> None:
    if not gaps:
        return
    named = [f"{a:%Y-%m-%d %H:%M} to {b:%Y-%m-%d %H:%M} UTC" for a, b in gaps[:_MOST_NAMED]]
    more = f" and {len(gaps) - _MOST_NAMED} more" if len(gaps) > _MOST_NAMED else ""
    warn(
        f"track {track.name!r} was never read for {', '.join(named)}{more}: unknown, not zero. "
        "sync() fetches what Mailgun still has, import_frame() fills in the rest"
    )
