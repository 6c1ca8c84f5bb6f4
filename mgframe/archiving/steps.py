"""Which buckets a sync fetches next: what is new, what may still change, what is forgotten first.

Pure: a track, what is known of its table, and the moment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import pandas as pd

from mgframe.archiving.spans import Read, Span, united, within, without
from mgframe.archiving.states import State
from mgframe.archiving.tracks import Track
from mgframe.framing import kept_since
from mgframe.timespan import floor, shift
from mgframe.vocabulary import RETENTION_DAYS

#: What still moves is read again after so long, so that an hourly sync does not read it each time.
AGAIN: Final = pd.Timedelta(hours=6)
#: What an answer lacked is asked for at once while it is young, later from time to time.
_OLD: Final = pd.Timedelta(days=3)
_SELDOM: Final = pd.Timedelta(days=7)
#: About so many rows are fetched and stored at a time: what a killed sync loses, and its memory.
ROWS_A_STEP: Final = 250_000
#: How many rows a bucket may have, by the number of keys, before it is known.
_GUESSED: Final = (1.0, 100.0, 1500.0)
#: Months are kept by Mailgun for good; a track without a start keeps so many.
_MONTHS: Final = 60


@dataclass(frozen=True)
class Step:
    """Buckets to fetch and store in one go, and when Mailgun forgets the first of them."""

    track: Track
    start: pd.Timestamp
    until: pd.Timestamp
    expires: pd.Timestamp

    @property
    def span(self) -> Span:
        """Its start and end."""
        return self.start, self.until


def oldest(track: Track, now: pd.Timestamp) -> pd.Timestamp:
    """Return the first bucket that Mailgun can still be asked for; of months any."""
    if track.resolution == "month":
        if track.start is not None:
            return track.start
        return shift(floor(now, "month"), -_MONTHS, "month")
    return kept_since(track.resolution, now)


def begin(track: Track, state: State, now: pd.Timestamp) -> pd.Timestamp:
    """Return the first bucket that the track is to keep."""
    if track.start is not None:
        return track.start
    read = [read.start for read in state.reads]
    # An import of some days does not begin it: what Mailgun has before them is to be kept too.
    return min(read if read and track.api == "none" else [oldest(track, now), *read])


def gaps(track: Track, state: State, now: pd.Timestamp) -> list[Span]:
    """Return the complete buckets that were never read, forgotten ones included."""
    return without([(begin(track, state, now), floor(now, track.resolution))], state.covered)


def due(track: Track, state: State, now: pd.Timestamp) -> list[Span]:
    """Return what a sync has to fetch: what was never read, and what may have changed since.

    What moves is read together from the first that is to be read again: one question, not several.
    """
    moving = [read for read in state.reads if read.at is not None]
    again = [read.start for read in moving if _may_have_changed(read, now)]
    together = [read.span for read in moving if again and read.start >= min(again)]
    spans = united([*gaps(track, state, now), *together])
    return within(spans, oldest(track, now), floor(now, track.resolution))


def _may_have_changed(read: Read, now: pd.Timestamp) -> bool:
    """Whether a fresh look can tell more; what was doubted long ago may be gone for good."""
    if read.at is None:
        return False
    if not read.doubted:
        return now - read.at >= AGAIN
    return now > read.at if read.at - read.until < _OLD else now - read.at >= _SELDOM


def next_step(
    track: Track, state: State, now: pd.Timestamp, taken: Iterable[Span] = ()
) -> Step | None:
    """Return the oldest buckets that are due, as many as fit into a step; None where none are.

    What was `taken` already is left out: of it the server had no more to tell.
    """
    spans = without(due(track, state, now), taken)
    if not spans:
        return None
    start, until = spans[0]
    # What is doubted is asked for alone: a domain that is gone for good would leave all that is
    # asked in the same question in doubt, and each new bucket with it.
    edges = [edge for read in state.reads if read.doubted for edge in read.span]
    until = min([until, *(edge for edge in edges if edge > start)])
    buckets = min(_buckets(track, state), size(track, [(start, until)]) + 1)
    last = min(until, shift(start, buckets, track.resolution))
    return Step(track, start, last, forgotten_at(start, track.resolution))


def forgotten_at(bucket: pd.Timestamp, resolution: str) -> pd.Timestamp:
    """Return when Mailgun forgets a bucket; of months never."""
    if resolution not in RETENTION_DAYS:
        return pd.Timestamp.max.tz_localize("UTC")
    return bucket + pd.Timedelta(days=RETENTION_DAYS[resolution])


def _buckets(track: Track, state: State) -> int:
    rows = state.facts.get("rows_a_bucket")
    if rows is None:
        rows = _GUESSED[min(len(track.by), 2)]
    return max(1, int(ROWS_A_STEP / max(rows, 1.0)))


def size(track: Track, spans: list[Span]) -> int:
    """Return how many buckets the spans hold."""
    hours = {"hour": 1, "day": 24, "month": 730}[track.resolution]
    return round(sum((b - a) / pd.Timedelta(hours=hours) for a, b in spans))
