"""How one track stands: what is kept, what is missing, what Mailgun will forget. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from mgframe.archiving.spans import Span, moment, united, within, without
from mgframe.archiving.states import State
from mgframe.archiving.steps import begin, gaps, oldest, size
from mgframe.archiving.tracks import Track, lag_hours
from mgframe.timespan import floor, shift
from mgframe.vocabulary import RETENTION_DAYS

#: What Mailgun will forget within so long, and is not kept, is worth a warning.
SOON: Final = pd.Timedelta(7, "D")


@dataclass(frozen=True)
class Extent:
    """The newest version's files, rows and bytes; `disk` is all that lies there, None if unseen."""

    files: int = 0
    rows: int | None = 0
    bytes: int = 0
    disk: int | None = None


@dataclass(frozen=True)
class Standing:
    """A track at a moment, `past` or now; `damage` says in words why it cannot be read."""

    track: Track
    state: State
    extent: Extent
    now: pd.Timestamp
    damage: str = ""
    past: bool = False

    @property
    def first(self) -> pd.Timestamp | None:
        """The first bucket that was read."""
        return self.state.covered[0][0] if self.state.covered else None

    @property
    def until(self) -> pd.Timestamp | None:
        """The end of the last bucket that was read."""
        return self.state.covered[-1][1] if self.state.covered else None

    @property
    def last(self) -> pd.Timestamp | None:
        """The last bucket that was read."""
        return None if self.until is None else shift(self.until, -1, self.track.resolution)

    @property
    def lost(self) -> list[Span]:
        """What was never read and nobody can be asked for any more."""
        return within(self._unread, begin(self.track, self.state, self.now), self._horizon)

    @property
    def missing(self) -> list[Span]:
        """What was never read within what is kept, and is still to be had."""
        return [] if self.until is None else within(self._unread, self._horizon, self.until)

    @property
    def new(self) -> list[Span]:
        """What is complete since the last bucket that was read."""
        after = self._horizon if self.until is None else max(self.until, self._horizon)
        return within(self._unread, after, self._edge)

    @property
    def expiring(self) -> list[Span]:
        """What Mailgun still has, will forget soon, and is not kept."""
        if self.track.resolution not in RETENTION_DAYS:
            return []
        return within([*self.missing, *self.new], self._horizon, self._horizon + SOON)

    @property
    def moving(self) -> list[Span]:
        """What was read while its counts could still change, and Mailgun still has."""
        spans = united(read.span for read in self.state.reads if read.at is not None)
        return within(spans, self._horizon, self._edge)

    @property
    def doubted(self) -> list[Span]:
        """What was read from an answer that lacked what had been there."""
        return united(read.span for read in self.state.reads if read.doubted)

    @property
    def synced(self) -> pd.Timestamp | None:
        """When the last sync began."""
        started = self.state.said.get("started")
        return None if started is None else moment(started)

    @property
    def result(self) -> str:
        """How the last sync ended, in a word."""
        if self.damage:
            return "damaged"
        if self.track.api == "none":
            return "imported" if self.state.reads else "empty"
        if not self.state.said:
            return "never synced"
        if self.state.said.get("unfinished"):  # it was killed, or goes on just now
            return "unfinished"
        return "failed" if self.state.said.get("error") else "fine"

    @property
    def error(self) -> str:
        """Why the last sync failed, or the table cannot be read; empty where all is well."""
        return self.damage or str(self.state.said.get("error") or "")

    def count(self, spans: list[Span]) -> int:
        """Return how many buckets spans hold."""
        return size(self.track, spans)

    def expires(self, start: pd.Timestamp) -> pd.Timestamp | None:
        """Return when Mailgun forgets a bucket; None where it never does."""
        days = RETENTION_DAYS.get(self.track.resolution)
        return None if days is None else start + pd.Timedelta(days, "D")

    @property
    def row(self) -> dict[str, Any]:
        """The track's row of the table."""
        expiring = self.expiring
        return {
            "track": self.track.name,
            "by": ", ".join(self.track.levels),
            "resolution": self.track.resolution,
            "first": self.first,
            "last": self.last,
            **{name: self.count(getattr(self, name)) for name in BUCKETS},
            "expires": self.expires(expiring[0][0]) if expiring else None,
            **{name: getattr(self.extent, name) for name in EXTENTS},
            "lag_hours": lag_hours(self.state.lags) / pd.Timedelta(hours=1),
            "synced": self.synced,
            "result": self.result,
            "error": self.error,
        }

    @property
    def gaps(self) -> list[dict[str, Any]]:
        """The rows of the gaps, in order; what is new since the last sync is none."""
        return [
            {
                "track": self.track.name,
                "start": start,
                "until": until,
                "buckets": self.count([(start, until)]),
                "lost": lost,
                "expires": None if lost else self.expires(start),
            }
            for spans, lost in ((self.lost, True), (self.missing, False))
            for start, until in spans
        ]

    @property
    def _edge(self) -> pd.Timestamp:
        return floor(self.now, self.track.resolution)

    @property
    def _horizon(self) -> pd.Timestamp:
        """The first bucket that can still be asked for; of an import, none can."""
        return self._edge if self.track.api == "none" else oldest(self.track, self.now)

    @property
    def _unread(self) -> list[Span]:
        if self.track.api != "none":
            return gaps(self.track, self.state, self.now)
        covered = self.state.covered
        return without([(covered[0][0], covered[-1][1])], covered) if covered else []


#: Columns of the table that count buckets, rows, bytes.
BUCKETS: Final = ("lost", "missing", "new", "expiring", "moving", "doubted")
EXTENTS: Final = ("rows", "files", "bytes", "disk")
