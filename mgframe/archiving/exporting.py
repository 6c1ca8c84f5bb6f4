"""`Archive.export`: what is kept as one file, for tools that know nothing of archives."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from datetime import tzinfo
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from mgframe.archiving.buckets import Asked, read_buckets
from mgframe.archiving.libraries import database, told
from mgframe.archiving.questions import read_question
from mgframe.archiving.reading import frames_in_parts, meta_for, warn_of_sums
from mgframe.archiving.scanning import listed
from mgframe.archiving.stores import Store
from mgframe.errors import ArchiveError, ConfigurationError, QueryError
from mgframe.files import beside
from mgframe.filtering import Where
from mgframe.framing import ATTRS, bounded, empty_frame
from mgframe.timespan import Moment
from mgframe.unseen import visible

if TYPE_CHECKING:
    import duckdb

_SUFFIXES: Final = (".parquet", ".csv")
#: How many rows are in memory at a time.
_ROWS: Final = 200_000
#: Where pandas looks for a frame's attrs in a file of Parquet.
_PANDAS: Final = "PANDAS_ATTRS"


def export(
    archive: Store,
    name: str,
    path: str | os.PathLike[str],
    counts: str | Iterable[str] | None = None,
    *,
    by: str | Iterable[str] | None = None,
    where: Where | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    last: str | None = None,
    period: str | None = None,
    tz: str | tzinfo | None = None,
    resolution: str | None = None,
    partial: bool = False,
    overwrite: bool = False,
) -> Path:
    """Write the rows of :meth:`Archive.frame` to one file, whatever its length.

    The history passes through in parts, so that it need not fit into memory. The file is written
    beside its place and moved there when it is whole.

    Parameters
    ----------
    name : str
        The track.
    path : str or path
        The file; its suffix says what it is: ``.parquet`` or ``.csv``.
    counts, by, where, start, end, last, period, tz, resolution, partial
        As in :meth:`Archive.frame`.
    overwrite : bool, default False
        Replace a file that is there.

    Returns
    -------
    Path
        The file. Columns: `time`, the keys, the counts; sorted. An unknown count is null, in CSV an
        empty field. In Parquet times are microseconds in UTC, counts 64-bit integers, and the
        metadata ``mgframe`` say where the numbers come from; ``pd.read_parquet`` has it in attrs.
        In CSV times are written ``2026-11-16T09:00:00Z``. Of a simulated account, a CSV has one
        more column, `simulated`, and the metadata of Parquet say so.

    Raises
    ------
    QueryError
        There is no such track, key, count or window, the suffix is another one, or the path lies
        in the archive.
    ConfigurationError
        The file is there already, or cannot be written.
    ArchiveError
        Nothing is kept yet, or the archive cannot be read.

    Warns
    -----
    MgframeWarning
        As :meth:`Archive.frame`.

    Examples
    --------
    >>> import tempfile, mgframe as mg
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> archive = mg.Archive(folder / "mail")
    >>> archive.track("days", "delivered", by="domain", start="2026-11-01")
    >>> synced = archive.sync(client=mg.demo())
    >>> file = archive.export("days", folder / "days.csv", last="2d")
    >>> print(file.read_text(encoding="utf-8"))  # doctest: +ELLIPSIS
    time,domain,delivered,simulated
    2026-11-14T00:00:00Z,mail.example.com,11828,true
    2026-11-14T00:00:00Z,news.example.com,341,true
    ...
    """
    target = _read_target(path, overwrite=overwrite)
    if archive.place.is_local and Path(archive.place.root).resolve() in target.resolve().parents:
        raise QueryError(
            f"path={visible(str(target))!r} lies in the archive itself, where compact() takes it "
            "for a leftover; choose another folder"
        )
    track = archive.named(name)
    table = archive.table_of(track)
    question = read_question(track, table, counts, by, where)
    asked = Asked(start, end, last, period, tz, resolution, partial)
    buckets = read_buckets(track, table.state, asked)
    if buckets is None:
        raise ArchiveError(track.nothing_kept)
    warn_of_sums(question, buckets)
    meta = meta_for(track, table, question, buckets)
    # Without rows: the columns, where nothing else has them.
    empty = empty_frame(["time", *question.keys], question.counts, meta=meta)
    parts = frames_in_parts(track, table, question, buckets, _ROWS) if len(buckets.starts) else []
    _write(target, chain([empty], parts), meta)
    return target


def _read_target(path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """Return the file to write, once it is sure that it may be written."""
    if not isinstance(path, str | os.PathLike):
        raise QueryError(f"path={path!r} must name the file, such as path='days.parquet'")
    target = Path(path).expanduser()
    shown = visible(str(target))
    if target.suffix.lower() not in _SUFFIXES:
        raise QueryError(f"path={shown!r} must end in .parquet or .csv, which says what it becomes")
    if target.is_dir():
        raise ConfigurationError(f"{shown} is a folder; name a file in it")
    if not overwrite:
        refuse_existing(target, "overwrite=True")
    if not target.parent.is_dir():
        raise ConfigurationError(f"{shown}: there is no folder {visible(str(target.parent))}")
    if not os.access(target.resolve().parent, os.W_OK):
        raise ConfigurationError(f"{shown}: nothing can be written in that folder")
    return target


def refuse_existing(target: Path, otherwise: str) -> None:
    """Refuse a file that is there; `otherwise` is what replaces it, in the caller's words."""
    if target.exists() and not target.is_dir():
        raise ConfigurationError(
            f"{visible(str(target))} is there already; {otherwise} replaces it"
        )


def _write(target: Path, parts: Iterable[pd.DataFrame], meta: dict[str, Any]) -> None:
    """Write parts to files of their own, and those in their order to one."""
    with (
        tempfile.TemporaryDirectory(prefix=".export-", dir=target.resolve().parent) as folder,
        beside(target) as fresh,
        database() as connection,
        told(visible(str(target)), "exporting"),
    ):
        connection.execute(f"SET temp_directory = {listed([folder])}")
        files = [_staged(connection, part, folder) for part in parts]
        source = f"read_parquet([{listed(files)}])"
        if target.suffix.lower() == ".csv":
            _copy(connection, _as_text(source, meta), fresh, "FORMAT csv, HEADER true")
        else:
            said = _metadata(meta)
            form = f"FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{said}}}"
            _copy(connection, f"SELECT * FROM {source}", fresh, form)


def _staged(connection: duckdb.DuckDBPyConnection, part: pd.DataFrame, folder: str) -> str:
    handle, file = tempfile.mkstemp(suffix=".parquet", dir=folder)
    os.close(handle)
    keys = [str(name) for name in part.index.names if name != "time"]
    connection.register("part", part.reset_index())
    types = {"time": "TIMESTAMP WITH TIME ZONE", **dict.fromkeys(keys, "VARCHAR")}
    columns = ", ".join(
        f'CAST("{name}" AS {types.get(name, "BIGINT")}) AS "{name}"'
        for name in ("time", *keys, *part.columns)
    )
    _copy(connection, f"SELECT {columns} FROM part", Path(file), "FORMAT parquet")
    return file


def _as_text(source: str, meta: dict[str, Any]) -> str:
    """Return the query of a source's rows with times as texts."""
    moment = "strftime(time, '%Y-%m-%dT%H:%M:%SZ') AS time"
    simulated = ", true AS simulated" if meta["simulated"] else ""
    return f"SELECT * REPLACE ({moment}){simulated} FROM {source}"


def _metadata(meta: dict[str, Any]) -> str:
    plain = json.dumps(bounded(meta))
    attrs = json.dumps({ATTRS: bounded(meta)})
    return f"{ATTRS}: {listed([plain])}, {_PANDAS}: {listed([attrs])}"


def _copy(connection: duckdb.DuckDBPyConnection, query: str, file: Path, form: str) -> None:
    connection.execute(f"COPY ({query}) TO {listed([str(file)])} ({form})")
