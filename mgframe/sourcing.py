"""Who gives frames: an account, which is asked through its client, or an archive, which is read.

Either answers the same questions. An archive's need no requests: their calls are empty, and what
finishes them reads. So whoever asks several at once, follows a fetch or plans one need not know
whom it asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final, Protocol

import pandas as pd

from mgframe.archiving.archive import Archive
from mgframe.archiving.buckets import now_of
from mgframe.archiving.states import State
from mgframe.archiving.stores import NotYet, not_yet
from mgframe.client import Client
from mgframe.directory import domains
from mgframe.errors import ArchiveError, ConfigurationError, QueryError
from mgframe.filtering import Where
from mgframe.framing import kept_since
from mgframe.joining import question_of
from mgframe.metrics_api import metrics
from mgframe.metrics_asking import METRICS_KEYS, refuse_forgotten
from mgframe.planning import Question, client_of
from mgframe.timespan import Window, json_time, resolve
from mgframe.vocabulary import RESOLUTIONS

_WIDTHS: Final = ("hour", "day")


class Source(Protocol):
    """Whoever gives frames of counts.

    `client` is what questions are sent with, and its clock is now; `keys` and `widths` are what can
    be asked for.
    """

    client: Client
    keys: tuple[str, ...]
    widths: tuple[str, ...]

    def question(
        self,
        counts: Sequence[str] | None = None,
        *,
        by: str | Sequence[str] | None = None,
        where: Where | None = None,
        **window: Any,
    ) -> Question:
        """Return the question for these counts, as :func:`mgframe.metrics` takes arguments."""

    def window(self, resolution: str, **said: Any) -> Window:
        """Return a window, in whole buckets up to now."""

    def gives(self, by: Sequence[str], resolution: str) -> bool:
        """Return whether there can be a frame by these keys."""

    def kept_since(self, resolution: str) -> pd.Timestamp:
        """Return since when there can be buckets of a width."""

    def days_in(self, zone: tzinfo | None) -> dict[str, Any]:
        """Return the arguments for days of a zone."""

    def directory(self) -> dict[str, Question]:
        """Return the question for the account's domains, nothing where nobody can tell."""


def source_of(client: Client | None, archive: Archive | None) -> Source:
    """Return who gives frames: the archive where there is one, else the client's account.

    Raises
    ------
    ConfigurationError
        `archive` is none, or there is neither an archive nor a client nor a key.
    ArchiveError
        Nothing has been kept yet.
    """
    return FromMailgun(client_of(client)) if archive is None else FromArchive(archive)


class FromMailgun:
    """An account: every question is of the Metrics API."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.keys: tuple[str, ...] = METRICS_KEYS
        self.widths: tuple[str, ...] = _WIDTHS

    def question(
        self,
        counts: Sequence[str] | None = None,
        *,
        by: str | Sequence[str] | None = None,
        where: Where | None = None,
        **window: Any,
    ) -> Question:
        """Return the question of :func:`mgframe.metrics`; all is checked, nothing is sent."""
        return question_of(
            metrics, counts, by=by, where=where, progress=False, client=self.client, **window
        )

    def window(self, resolution: str, **said: Any) -> Window:
        """Return a window of which Mailgun keeps at least a part."""
        found = _resolved(self.client, resolution, said)
        refuse_forgotten(found, self.client)
        return found

    def gives(self, by: Sequence[str], resolution: str) -> bool:
        """Return True: what is refused is known once it is asked."""
        return True

    def kept_since(self, resolution: str) -> pd.Timestamp:
        """Return since when Mailgun keeps buckets of a width."""
        return kept_since(resolution, pd.Timestamp(self.client.now()))

    def days_in(self, zone: tzinfo | None) -> dict[str, Any]:
        """Return the arguments for days: hours where they begin elsewhere than in UTC."""
        return {"resolution": "day"} if zone is None else {"resolution": "hour", "tz": zone}

    def directory(self) -> dict[str, Question]:
        """Return the question for the account's domains."""
        return {"listing": question_of(domains, client=self.client)}


class FromArchive:
    """An archive as it is now: what is kept while it is read does not mix in."""

    def __init__(self, archive: Archive) -> None:
        if not isinstance(archive, Archive):
            raise ConfigurationError(
                f"archive must be an mg.Archive, got {type(archive).__name__}; "
                "mg.Archive('mail-history') opens the one in that folder"
            )
        end, now = _clocks(archive)
        self.end, self.archive = end, archive.as_of(end)
        # Nobody answers for it: its questions have no calls. It is their clock.
        self.client = Client(
            "of-nobody", base_url=None, region="us", clock=lambda: now.to_pydatetime()
        )
        tracks = self.archive.tracks.values()
        self.keys: tuple[str, ...] = tuple(
            key for key in METRICS_KEYS if any(key in track.by for track in tracks)
        )
        hourly = any(track.resolution == "hour" for track in tracks)
        self.widths: tuple[str, ...] = _WIDTHS if hourly else _WIDTHS[1:]

    def question(
        self,
        counts: Sequence[str] | None = None,
        *,
        by: str | Sequence[str] | None = None,
        where: Where | None = None,
        **window: Any,
    ) -> Question:
        """Return a question without calls, which reads the archive once it is run."""
        keys = [by] if isinstance(by, str) else list(by or ())

        def read(*_: object) -> pd.DataFrame:
            width = "hour" if window.get("tz") else str(window["resolution"])
            since = self._start(width, window)
            name, wanted = self.track(counts, keys, where or {}, width, start=since)
            found: pd.DataFrame = self.archive.frame(
                name, wanted, by=keys, where=where or None, **window
            )
            return found

        return Question(self.client, (), read, progress=False)

    def _start(self, width: str, window: Mapping[str, Any]) -> pd.Timestamp | None:
        """Return where a window begins; None where it is everything."""
        if all(window.get(name) is None for name in ("start", "end", "last", "period")):
            return None
        return _resolved(self.client, width, window).start

    def track(
        self,
        counts: Sequence[str] | None,
        keys: list[str],
        where: Where,
        resolution: str,
        *,
        start: pd.Timestamp | None = None,
    ) -> tuple[str, list[str] | None]:
        """Return the track to read, and which of the counts it has.

        One that was kept from `start` on goes before one that begins later.

        Raises
        ------
        QueryError
            No track can tell these keys apart; the message says which one would.
        """
        asked = None if counts is None else list(counts)
        how: dict[str, Any] = {"by": keys, "where": where or None, "resolution": resolution}
        with suppress(QueryError):
            return self.archive.find(counts=asked, start=start, **how), asked
        found = self.archive.find(start=start, **how)  # whatever it counts
        known = self.archive.table(found).columns
        some = [name for name in asked or () if name in known]
        if not some:
            raise QueryError(
                f"track {found!r} keeps none of {', '.join(asked or ['any count'])}; "
                "archive.track(...) with these counts and another name would"
            )
        return found, some

    @property
    def name(self) -> str:
        """What the archive is called where others read it: its folder without those around it."""
        place = self.archive.place
        return Path(place.root).name if place.is_local else str(place)

    @property
    def is_local(self) -> bool:
        """Whether it is a folder, and not an object store."""
        return self.archive.place.is_local

    @property
    def moment(self) -> str:
        """The moment to name to :meth:`Archive.as_of` for the same numbers."""
        return json_time(self.end)

    def kept_at(self) -> dict[str, pd.Timestamp]:
        """Return when each track was kept last."""
        return {
            name: state.at
            for name, state in states_of(self.archive).items()
            if state.at is not None
        }

    def window(self, resolution: str, **said: Any) -> Window:
        """Return a window; an archive forgets nothing."""
        return _resolved(self.client, resolution, said)

    def gives(self, by: Sequence[str], resolution: str) -> bool:
        """Return whether a track can tell these keys apart."""
        try:
            self.archive.find(by=list(by), resolution=resolution)
        except QueryError:
            return False
        return True

    def kept_since(self, resolution: str) -> pd.Timestamp:
        """Return since when buckets of a width, or finer ones, were read."""
        finer = RESOLUTIONS[: RESOLUTIONS.index(resolution) + 1]
        tracks, states = self.archive.tracks, states_of(self.archive)
        firsts = [
            state.covered[0][0]
            for name, state in states.items()
            if state.covered and tracks[name].resolution in finer
        ]
        return min(firsts, default=self.end)

    def days_in(self, zone: tzinfo | None) -> dict[str, Any]:
        """Return the arguments for days, which the archive makes of its hours."""
        return {"resolution": "day", "tz": zone}

    def directory(self) -> dict[str, Question]:
        """Return nothing: the domains of an archive are those with mail."""
        return {}


def _resolved(client: Client, resolution: str, said: Mapping[str, Any]) -> Window:
    return resolve(
        start=said.get("start"), end=said.get("end"), last=said.get("last"),
        period=said.get("period"), duration=None, tz=said.get("tz"), partial=False,
        resolution=resolution, now=client.now(),
    )  # fmt: skip


def states_of(archive: Archive) -> dict[str, State]:
    """Return what is known of each track; of one that was not there yet, nothing."""
    states = {}
    for track in archive.tracks.values():
        with suppress(NotYet):
            states[track.name] = archive.table_of(track).state
    return states


def _clocks(archive: Archive) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return when the newest numbers were kept, and the moment that windows count from.

    An import of old numbers moves the first alone.
    """
    archive.refuse_none("archive.track(...) begins one")
    tracks, states = archive.tracks, states_of(archive)
    moments = [state.at for state in states.values() if state.at is not None]
    if not moments:
        raise _nothing_kept(archive)
    known = [now_of(tracks[name], state) for name, state in states.items() if state.covered]
    return max(moments), max(known, default=max(moments))


def _nothing_kept(archive: Archive) -> ArchiveError:
    """Return the error for an archive without numbers, or without any at the moment it is of."""
    if archive.when is None:
        return ArchiveError(
            f"{archive.place}: nothing has been kept yet; archive.track(...) names what to keep, "
            "and archive.sync() fetches it"
        )
    firsts = []
    for track in archive.tracks.values():
        try:
            archive.table_of(track)
        except NotYet as error:
            firsts += [error.first] if error.first is not None else []
    return not_yet(str(archive.place), archive.when, min(firsts, default=None))
