"""`Archive.verify`: what is wrong with what is kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pandas as pd

from mgframe.archiving.agreeing import answered, between
from mgframe.archiving.findings import Findings, Part
from mgframe.archiving.inspecting import cause, inspected
from mgframe.archiving.libraries import database
from mgframe.archiving.spans import Span, within, without
from mgframe.archiving.states import State
from mgframe.archiving.status import now_of
from mgframe.archiving.steps import gaps, oldest
from mgframe.archiving.stores import NotYet, Store
from mgframe.archiving.tracks import Track
from mgframe.client import Client
from mgframe.dividing import span_hours
from mgframe.errors import ArchiveError, ConfigurationError, warn
from mgframe.framing import kept_since, with_meta
from mgframe.planning import client_of

_DEFAULT_LAST: Final = "14d"
_TO_FETCH: Final = "never read; sync() or import it"
_FORGOTTEN: Final = "never read, and Mailgun has forgotten it; import_frame() can fill it"
_NEVER_ASKED: Final = "never read, and no sync asks for it; import_frame() can fill it"
_DOUBTED: Final = (
    "an answer lacked rows that are kept; what has no row is unknown. Where it is right (a domain "
    "is gone for good), import_frame(name, mg.metrics(...)) of these buckets settles it, once they "
    "are older than the lag, and keeps the rows"
)


def verify(
    archive: Store,
    names: str | Iterable[str] | None = None,
    *,
    last: str = _DEFAULT_LAST,
    client: Client | None = None,
) -> pd.DataFrame:
    """List what is wrong with what is kept; an empty table says that nothing was found.

    Every file of the newest version is read, those of the past are looked for. With a client
    the kept sums are compared with a fresh answer.

    Parameters
    ----------
    names : str or iterable of str, optional
        The tracks; by default all.
    last : str, default "14d"
        How far back Mailgun is asked, in h, d or w; of months the last two are asked at least.
    client : Client, optional
        Whom to ask; by default a client made from the environment. Without one nothing is asked,
        and a warning says so.

    Returns
    -------
    DataFrame
        A plain table, one row for each thing that is wrong. Columns:

        - `track`, and `check`: ``table`` (it cannot be opened), ``file`` (damaged or missing; of
          the past, missing or cut),
          ``gap`` (never read, between the first and the last bucket that were), ``doubted`` (an
          answer lacked what had been there, and no later one had it), ``duplicates`` (rows of the
          same time and keys), ``period`` (rows in another period's file), ``negative`` (counts
          below zero), ``content`` (the rows are not those that were stored), ``api`` (kept sums
          and Mailgun's answer), ``tracks`` (two tracks that keep the same), ``not compared``.
        - `start`, `until`: the buckets (UTC, `until` exclusive), NaT where it is about none.
        - `what`: the file, the key, or the other track.
        - `count`: which count.
        - `kept`, `answered`, `difference`: the sums, and kept - answered, ``Int64``.
        - `rows`: how many rows are concerned, ``Int64``.
        - `expected`: whether it is within the 1 % of late events that a lag leaves out.
        - `note`: why, or what to do.

        ``attrs["mgframe"]`` has the proof behind an empty table: `tracks`, `files` and `rows` that
        were read, `compared` (how many sums, by check), `requests`, and `asked`.

    Raises
    ------
    QueryError
        There is no such track, or `last` is no span.
    ArchiveError
        The catalogue of the tracks cannot be read.

    Warns
    -----
    MgframeWarning
        Nothing was asked of Mailgun, for there is no client and no key.

    Notes
    -----
    Compared are sums by day (months by month) over all keys, of spans that are final. Unique
    counts are not compared where hours stand against days: Mailgun counts them once in 7 days. Nor
    are tracks of different filters, keys that overlap (tags), or of two APIs. Source: Mailgun's
    metric definitions.

    Examples
    --------
    >>> import tempfile, mgframe as mg
    >>> archive = mg.Archive(tempfile.mkdtemp())
    >>> archive.track("days", by="domain")
    >>> _ = archive.sync(client=mg.demo())
    >>> table = archive.verify(client=mg.demo())
    >>> len(table), table.attrs["mgframe"]["files"]
    (0, 13)
    """
    span = pd.Timedelta(hours=span_hours(last, argument="last"))
    tracks = archive.chosen(names)
    asked = _client(archive, client)
    found = Findings()
    sound = [part for track in tracks if (part := _on_disk(archive, track, found)) is not None]
    with database() as connection:
        between(connection, sound, found)
        if asked is not None:
            for part in sound:
                answered(connection, part, asked, span, found)
    simulated = any(part.table.state.simulated for part in sound)
    meta = {"tracks": len(tracks), "simulated": simulated, "asked": asked is not None}
    return with_meta(found.table(), {**meta, **found.proof()})


def _client(archive: Store, client: Client | None) -> Client | None:
    """Return whom to ask; None where there is no key, or the archive is seen as it was."""
    if archive.when is not None:
        return None
    try:
        return client_of(client)
    except ConfigurationError as error:
        if client is not None:
            raise
        warn(f"what is kept is not compared with Mailgun: {error}")
        return None


def _on_disk(archive: Store, track: Track, found: Findings) -> Part | None:
    """Check a track without the network; return it where all its files can be read."""
    try:
        table = archive.table_of(track)
        now = now_of(archive.when, [table.state])
        _check_reads(track, table.state, now, found)
        return Part(track, table) if inspected(table, track, found) else None
    except NotYet:
        return None
    except ArchiveError as error:
        found.add(track, "table", note=cause(error))
        return None


def _check_reads(track: Track, state: State, now: pd.Timestamp, found: Findings) -> None:
    """Find what was never read, and what an answer left open."""
    for (start, until), note in _gaps(track, state, now):
        found.add(track, "gap", start=start, until=until, note=note)
    for read in state.reads:
        if read.doubted:
            found.add(track, "doubted", start=read.start, until=read.until, note=_DOUBTED)


def _gaps(track: Track, state: State, now: pd.Timestamp) -> list[tuple[Span, str]]:
    """Return what was never read between the first and the last bucket, and what can fill it."""
    covered = state.covered
    if not covered:
        return []
    first, last = covered[0][0], covered[-1][1]
    holes = without([(first, last)], covered)
    fetched = track.api != "none"
    forgotten = within(holes, first, kept_since(track.resolution, now)) if fetched else []
    asked = within(gaps(track, state, now), oldest(track, now), last) if fetched else []
    never = without(holes, [*asked, *forgotten])  # an import's, or before the track begins
    found = [(span, _FORGOTTEN) for span in forgotten]
    found += [(span, _NEVER_ASKED) for span in never]
    found += [(span, _TO_FETCH) for span in without(holes, [*forgotten, *never])]
    return sorted(found)
