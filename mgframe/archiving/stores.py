"""An archive's tracks and tables: what everything else of it is written against."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from mgframe.archiving.libraries import told
from mgframe.archiving.places import CATALOGUE, Place, read_name, read_place
from mgframe.archiving.states import State
from mgframe.archiving.tables import Conflict, Table, created, exists, opened
from mgframe.archiving.tracks import Track
from mgframe.client import Client
from mgframe.errors import ArchiveError, QueryError, suggestion
from mgframe.summing import names_in

_TRIES = 20


class NotYet(ArchiveError):
    """Nothing had been kept at the moment that is asked for; `first` is the first one known."""

    first: pd.Timestamp | None = None


def not_yet(where: str, when: pd.Timestamp, first: pd.Timestamp | None) -> NotYet:
    """Return the error for a moment at which nothing had been kept."""
    known = "" if first is None else f"; the first moment known is {first:%Y-%m-%d %H:%M} UTC"
    error = NotYet(f"{where}: nothing had been kept at {when:%Y-%m-%d %H:%M} UTC{known}")
    error.first = first
    return error


class Store:
    """A place, its catalogue of tracks, and a table for each; `when` is the past it is seen from.

    The catalogue is a table without rows, whose state holds the tracks; the tables lie beside it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        storage_options: Mapping[str, str] | None = None,
    ) -> None:
        self.place: Place = read_place(path, storage_options)
        self.when: pd.Timestamp | None = None

    def __repr__(self) -> str:
        """Return where it lies."""
        past = "" if self.when is None else f" as of {self.when:%Y-%m-%d %H:%M} UTC"
        return f"mg.Archive({str(self.place)!r}){past}"

    @property
    def is_begun(self) -> bool:
        """Whether there is an archive at the place; one that lost its catalogue is an error."""
        self._refuse_closed()
        if exists(self.place, CATALOGUE):
            return True
        self._refuse_lost()
        return False

    def refuse_none(self, advice: str) -> None:
        """Refuse to read where there is no archive; a mistyped path is not one without tracks.

        Raises
        ------
        ArchiveError
            There is none; where one can be made, `advice` says how.
        """
        if not self.is_begun:
            self._refuse_foreign()
            raise ArchiveError(f"there is no archive at {self.place}; {advice}")

    @property
    def tracks(self) -> dict[str, Track]:
        """The tracks by name; empty where there is no archive yet."""
        if not self.is_begun:
            return {}
        facts = opened(self.place, CATALOGUE).state.facts
        return {name: Track.from_json(name, said) for name, said in facts.items()}

    def named(self, name: str) -> Track:
        """Return a track.

        Raises
        ------
        QueryError
            The archive keeps nothing under that name.
        """
        read_name(name)
        tracks = self.tracks
        if name not in tracks:
            kept = ", ".join(tracks) or "nothing yet; archive.track(...) begins"
            raise QueryError(
                f"name={name!r} is no track of {self.place}{suggestion(name, tracks)}; "
                f"it keeps {kept}"
            )
        return tracks[name]

    def chosen(self, names: str | Iterable[str] | None) -> list[Track]:
        """Return the tracks of these names, each once; by default all.

        Raises
        ------
        QueryError
            The archive keeps nothing under one of them.
        """
        if names is None:
            return list(self.tracks.values())
        if isinstance(names, Client):
            raise QueryError(
                "names must be a track's name or several, got a client; whom to ask is client="
            )
        wanted = names_in(names, argument="names")
        return [self.named(name) for name in dict.fromkeys(wanted)]

    def table(self, name: str) -> Table:
        """Return a track's table, as it was at `when`.

        Raises
        ------
        QueryError, ArchiveError
            No such track; nothing had been kept at that moment.
        """
        return self.table_of(self.named(name))

    def table_of(self, track: Track) -> Table:
        """Return the table of a track of this archive, as it was at `when`."""
        name = track.name
        self._refuse_file(track)
        table = opened(self.place, name)
        _refuse_foreign_table(track, table)
        if self.when is None:
            return table
        first = None
        for version, state in table.history():
            if state.at is not None and state.at <= self.when:
                return opened(self.place, name, version)
            first = first if state.at is None else state.at
        raise not_yet(table.where, self.when, first)

    def begin(self) -> Table:
        """Return the catalogue; make it where there is no archive yet."""
        self.refuse_past()
        if self.is_begun:
            return opened(self.place, CATALOGUE)
        self._refuse_foreign()
        return created(self.place, CATALOGUE, [], [], State())

    def add(self, track: Track) -> None:
        """Put a track into the catalogue and make its table.

        Raises
        ------
        QueryError
            Another track has the name.
        """
        for _ in range(_TRIES):
            catalogue = self.begin()
            known = catalogue.state.facts
            if track.name in known:
                _refuse_change(Track.from_json(track.name, known[track.name]), track)
                self.table_of(track)
                return
            self._refuse_file(track)
            if exists(self.place, track.name):
                _refuse_foreign_table(track, opened(self.place, track.name))
            else:
                self._refuse_without_log(track)
                created(self.place, track.name, track.levels, [], State())
            facts = {**known, track.name: track.to_json()}
            try:
                catalogue.note(replace(catalogue.state, facts=facts))
            except Conflict:
                continue
            return
        raise Conflict(f"{self.place}: other processes changed the tracks {_TRIES} times")

    def refuse_past(self) -> None:
        """Raise :class:`QueryError` where the archive is seen as it was: the past stays."""
        if self.when is not None:
            raise QueryError(
                f"this is the archive as of {self.when:%Y-%m-%d %H:%M} UTC, which is read only; "
                f"write to mg.Archive({str(self.place)!r})"
            )

    def _refuse_foreign(self) -> None:
        """Refuse a folder that holds something else, which an archive would be lost among."""
        folder = Path(self.place.root)
        if not self.place.is_local or not folder.exists():
            return
        with os.scandir(folder) as entries:
            found = [e.name for e in entries if not e.name.startswith(".") and not _is_begun(e)]
        if found:
            raise ArchiveError(
                f"{self.place} is no archive and is not empty (it holds {found[0]!r}); choose an "
                "empty folder or a new one"
            )

    def _refuse_lost(self) -> None:
        """Refuse tables without a catalogue: it is made first, so that it must have been lost."""
        if not self.place.is_local:
            return
        found = [path.parent.name for path in Path(self.place.root).glob("*/_delta_log")]
        if tables := sorted(set(found) - {CATALOGUE}):
            raise ArchiveError(
                f"{self.place} holds {', '.join(tables[:5])} but no {CATALOGUE}, which says what "
                f"they are; take the folder {CATALOGUE} from a copy of the archive"
            )

    def _refuse_closed(self) -> None:
        """Refuse a folder that may not be read: it would pass for one without tracks."""
        root = self.place.root
        if self.place.is_local and Path(root).is_dir() and not os.access(root, os.R_OK | os.X_OK):
            with told(str(self.place), "reading"):
                raise PermissionError("Permission denied")

    def _refuse_without_log(self, track: Track) -> None:
        """Refuse a folder whose log was lost: an empty table over it would let its files go."""
        folder = Path(self.place.table(track.name))
        if self.place.is_local and next(folder.glob("period=*"), None) is not None:
            raise ArchiveError(
                f"{self.place}/{track.name} holds files of a table but not its _delta_log; take "
                "that from a copy of the archive, or another name for the track"
            )

    def _refuse_file(self, track: Track) -> None:
        """Refuse a file that lies where a track's folder should."""
        if self.place.is_local and Path(self.place.table(track.name)).is_file():
            raise ArchiveError(
                f"{self.place}/{track.name} is a file where the track's folder should be; move it "
                "away, or take another name for the track"
            )


def _is_begun(entry: os.DirEntry[str]) -> bool:
    """Whether it is a catalogue that another process makes just now, or was killed over."""
    if entry.name != CATALOGUE or not entry.is_dir():
        return False
    return {path.name for path in Path(entry.path).iterdir()} <= {"_delta_log"}


def _refuse_foreign_table(track: Track, table: Table) -> None:
    """Refuse a table under a track's name that is not the track's."""
    texts = {name for name, kind in table.columns.items() if kind == "string"}
    lacks = [name for name in ("time", *track.levels, "period") if name not in table.columns]
    others = sorted(texts - {*track.levels, "period"})  # its rows would be several of a key
    if lacks or others:
        said = f"no column {lacks[0]!r}" if lacks else f"a key {others[0]!r}"
        raise ArchiveError(
            f"{table.where} is a table of something else: it has {said}. Nothing was changed; "
            "move its folder away, or take another name for the track"
        )


def _refuse_change(kept: Track, asked: Track) -> None:
    if kept == asked:
        return
    was, now = kept.to_json(), asked.to_json()
    differ = [f"{name} {was[name]!r}, not {now[name]!r}" for name in was if was[name] != now[name]]
    raise QueryError(
        f"track {kept.name!r} is there already and keeps {'; '.join(differ)}. What is kept stays "
        f"what it was: take another name, such as '{kept.name}-2', or the same arguments"
    )
