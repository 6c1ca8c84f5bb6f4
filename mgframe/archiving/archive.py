"""The archive as a user has it: every method is a function of a room of its own."""

from __future__ import annotations

from mgframe.archiving.compacting import compact
from mgframe.archiving.distributing import to_dask
from mgframe.archiving.exporting import export
from mgframe.archiving.finding import as_of, find
from mgframe.archiving.importing import import_frame
from mgframe.archiving.learning import settling
from mgframe.archiving.reading import frame
from mgframe.archiving.restating import restatements
from mgframe.archiving.selecting import sql
from mgframe.archiving.status import status
from mgframe.archiving.stores import Store
from mgframe.archiving.syncing import sync
from mgframe.archiving.tracking import track
from mgframe.archiving.verifying import verify


class Archive(Store):
    """Kept history: what Mailgun forgets, in a folder of your own or in an object store.

    Mailgun keeps hours for 60 days and days for a year, and restates the past. An archive keeps
    what :meth:`track` names, each time :meth:`sync` is run, and gives frames like the API's.

    Parameters
    ----------
    path : str or path
        A folder, made when it is first written to, or an address such as ``"s3://bucket/mail"``.
    storage_options : mapping of str to str, optional
        What the object store needs, as the deltalake package names it; by default from the
        environment. It is never stored.

    Raises
    ------
    ConfigurationError
        `path` is a file, holds a letter that the path of a Delta table cannot have, or is an
        address with credentials or of no object store; on first use, the extra
        ``mgframe[archive]`` is not installed.

    Examples
    --------
    >>> import tempfile, mgframe as mg
    >>> archive = mg.Archive(tempfile.mkdtemp())
    >>> archive.track("days", by="domain")
    >>> list(archive.tracks)
    ['days']
    """

    track = track
    sync = sync
    frame = frame
    find = find
    as_of = as_of
    sql = sql
    import_frame = import_frame
    status = status
    to_dask = to_dask
    export = export
    restatements = restatements
    settling = settling
    verify = verify
    compact = compact
