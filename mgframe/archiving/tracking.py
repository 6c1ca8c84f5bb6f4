"""`Archive.track`: what is to be kept."""

from __future__ import annotations

from collections.abc import Iterable

from mgframe.archiving.stores import Store
from mgframe.archiving.tracks import read_track
from mgframe.filtering import Where
from mgframe.timespan import Moment


def track(
    archive: Store,
    name: str,
    counts: str | Iterable[str] | None = None,
    *,
    by: str | Iterable[str] | None = None,
    where: Where | None = None,
    resolution: str = "day",
    regions: str | Iterable[str] | None = None,
    subaccounts: bool | None = None,
    api: str = "metrics",
    start: Moment | None = None,
) -> None:
    """Keep a question under a name; :meth:`Archive.sync` fetches it from then on.

    Nothing is sent: the question is checked against the API's limits, and stored. The same track
    twice is one; another one under the same name is refused, for what is kept stays what it was.

    Parameters
    ----------
    name : str
        Up to 63 small letters, digits, ``-`` and ``_``; it names a folder.
    counts : str or iterable of str, optional
        As in :func:`mgframe.metrics`; for ``api="stats"`` the events, as in
        :func:`mgframe.account_totals`. By default every count that a rate needs
        and the keys have, or all events.
    by : str or iterable of str, optional
        The keys, up to two; one for ``api="stats"``, any number for ``api="none"``. By default the
        whole account.
    where : mapping, optional
        A filter, as in :func:`mgframe.metrics`; for ``api="stats"`` as in
        :func:`mgframe.grouped_totals`, or ``{"domain": [...]}`` with ``by="domain"``. It must not
        name a recipient's address.
    resolution : {"hour", "day", "month"}, default "day"
        The width of a bucket. Mailgun keeps hours for 60 days and days for a year.
    regions, subaccounts
        As in :func:`mgframe.metrics`.
    api : {"metrics", "stats", "none"}, default "metrics"
        Whom to ask; ``"none"`` is for a track that is filled by :meth:`Archive.import_frame` alone.
    start : str or datetime, optional
        The first bucket to keep; by default the oldest that Mailgun still has, of months those of
        five years.

    Raises
    ------
    QueryError
        The name is no name, an argument is wrong, the API cannot answer the question, or the name
        is taken by another one.
    ArchiveError
        The place cannot be written, or holds something else.

    Examples
    --------
    >>> import tempfile, mgframe as mg
    >>> archive = mg.Archive(tempfile.mkdtemp())
    >>> archive.track("days", by=["domain", "recipient_provider"])
    >>> list(archive.tracks)
    ['days']
    """
    archive.add(
        read_track(
            name,
            counts,
            by=by,
            where=where,
            resolution=resolution,
            regions=regions,
            subaccounts=subaccounts,
            api=api,
            start=start,
        )
    )
