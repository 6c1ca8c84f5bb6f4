"""`Archive.compact`: fewer files for the same rows, and nothing left of interrupted writes."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from mgframe.archiving.libraries import database, told
from mgframe.archiving.logfiles import (
    Joined,
    Named,
    commit_files,
    commit_joined,
    folder,
    lying_files,
    named_files,
)
from mgframe.archiving.scanning import listed, named, scan
from mgframe.archiving.stores import Store
from mgframe.archiving.tables import Conflict, Table, metadata
from mgframe.archiving.tracks import Track
from mgframe.dividing import span_hours
from mgframe.errors import ArchiveError, QueryError

if TYPE_CHECKING:
    import duckdb

_TRIES: Final = 5


def compact(
    archive: Store, names: str | Iterable[str] | None = None, *, older_than: str = "1d"
) -> pd.DataFrame:
    """Join small files, and remove what interrupted writes left behind.

    All that :meth:`Archive.as_of` and :meth:`Archive.restatements` need stays: old versions keep
    their files. It may run beside a sync; one of them then does its step again.

    Parameters
    ----------
    names : str or iterable of str, optional
        The tracks; by default all.
    older_than : str, default "1d"
        What no version names is removed where it is so old: another process may be writing now.

    Returns
    -------
    DataFrame
        A plain table, one row a track. Columns:

        - `track`: its name.
        - `files_before`, `files_after`: how many files the newest version reads, ``int64``.
        - `bytes_before`, `bytes_after`: their size, ``int64``. On the disk the joined file comes
          beside the old ones, which the past is read from.
        - `removed`, `removed_bytes`: files left behind that are gone now, ``int64``.

    Raises
    ------
    QueryError
        There is no such track, `older_than` is no span, or the archive lies in an object store,
        where files cannot be joined in one step; or the archive is of the past.
    ArchiveError
        A file that would be joined is damaged, or the folder cannot be written. Nothing was lost.

    Examples
    --------
    >>> import tempfile, mgframe as mg
    >>> archive = mg.Archive(tempfile.mkdtemp())
    >>> archive.track("days", by="domain")
    >>> _ = archive.sync(client=mg.demo())
    >>> archive.compact()[["track", "removed"]]
      track  removed
    0  days        0
    """
    archive.refuse_past()
    hours = span_hours(older_than, argument="older_than")
    if not archive.place.is_local:
        raise QueryError(
            f"{archive.place} is an object store, in which compact() cannot put one file in the "
            "place of several in one step; leave its files as they are"
        )
    rows = [_compacted(archive, track, hours) for track in archive.chosen(names)]
    columns = ["track", "files_before", "files_after", "bytes_before", "bytes_after"]
    return pd.DataFrame(rows, columns=[*columns, "removed", "removed_bytes"])


def _compacted(archive: Store, track: Track, hours: int) -> dict[str, Any]:
    """Compact a track and return its row of the table."""
    table = archive.table_of(track)
    row: dict[str, Any] = {"track": track.name}
    row["files_before"], row["bytes_before"] = _size(table)
    table = _joined(archive, table, track)
    row["files_after"], row["bytes_after"] = _size(table)
    row["removed"], row["removed_bytes"] = _remove_left_behind(table, hours)
    return row


def _size(table: Table) -> tuple[int, int]:
    files = table.files()
    with told(table.where, "reading"):
        return len(files), sum(Path(file).stat().st_size for file in files)


def _joined(archive: Store, table: Table, track: Track) -> Table:
    """Join the files of each period that has several, in one commit."""
    for _ in range(_TRIES):
        parts = [files for files in _by_period(table).values() if len(files) > 1]
        if not parts:
            return table
        written: list[Joined] = []
        try:
            with database() as connection, told(table.where, "joining files"):
                # Each is noted as it is done, so that an error leaves nothing behind.
                written.extend(_written(connection, table, track, old) for old in parts)
            said = metadata(replace(table.state, kind="compact"), table.version + 1)
            commit_joined(table, written, said)
        except Exception as error:
            for one in written:
                (folder(table) / one.new.path).unlink(missing_ok=True)
            if not isinstance(error, Conflict):
                raise
        table = archive.table_of(track)
    if any(len(files) > 1 for files in _by_period(table).values()):
        raise Conflict(f"{table.where}: other processes committed first; run compact() again")
    return table


def _by_period(table: Table) -> dict[str, list[Named]]:
    """Return the files of a version by period."""
    root = folder(table)
    found: dict[str, list[Named]] = {}
    with told(table.where, "reading"):
        for file in sorted(Path(file) for file in table.files()):
            period = file.parent.name.removeprefix("period=")
            path = file.relative_to(root).as_posix()
            found.setdefault(period, []).append(Named(path, file.stat().st_size, table.version))
    return found


def _written(
    connection: duckdb.DuckDBPyConnection, table: Table, track: Track, old: Sequence[Named]
) -> Joined:
    """Write one file with all rows of others; nothing names it yet."""
    parent = Path(old[0].path).parent
    period = parent.name.removeprefix("period=")
    path = parent / f"part-00000-{uuid.uuid4()}-c000.zstd.parquet"
    whole = folder(table) / path
    scan(connection, table, "old", period, period)
    try:
        connection.execute(
            f'COPY (SELECT * FROM "old" ORDER BY {named(track.levels)}, time) TO '
            f"{listed([str(whole)])} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 6)"
        )
        [[rows]] = connection.execute('SELECT count(*) FROM "old"').fetchall()
        stats = _stats(connection, table, whole)
        if stats["numRecords"] != rows:
            raise ArchiveError(f"{table.where}: {rows} rows became {stats['numRecords']}")
    except BaseException:
        whole.unlink(missing_ok=True)
        raise
    return Joined(
        period, old, Named(path.as_posix(), whole.stat().st_size, table.version + 1), stats
    )


def _stats(connection: duckdb.DuckDBPyConnection, table: Table, file: Path) -> dict[str, Any]:
    """Return a file's statistics, by which readers leave files out."""
    names = [name for name in table.columns if name != "period"]
    each = ", ".join(
        f'min({text}), max({text}), count(*) - count("{name}")'
        for name in names
        for text in ["strftime(time, '%Y-%m-%dT%H:%M:%S.%fZ')" if name == "time" else f'"{name}"']
    )
    query = f"SELECT count(*), {each} FROM read_parquet({listed([str(file)])})"
    [[rows, *values]] = connection.execute(query).fetchall()
    return {
        "numRecords": rows,
        "minValues": _known(names, values[0::3]),
        "maxValues": _known(names, values[1::3]),
        "nullCount": dict(zip(names, values[2::3], strict=True)),
    }


def _known(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    return {n: value for n, value in zip(names, values, strict=True) if value is not None}


def _remove_left_behind(table: Table, hours: int) -> tuple[int, int]:
    """Remove files that no version names and nobody is writing; return how many, and their size.

    What lies there is listed first: what is committed meanwhile is named by the log then.
    """
    root, edge = folder(table), time.time() - hours * 3600
    with told(table.where, "removing what was left behind"):
        lying = [(file, file.stat()) for file in lying_files(table)]
        names = named_files(table)
        if len(commit_files(table)) <= table.version:
            return 0, 0  # a part of the log is gone: nobody can tell what it named
        old = [
            (file, stat.st_size)
            for file, stat in lying
            if stat.st_mtime < edge and file.relative_to(root).as_posix() not in names
        ]
        for file, _ in old:
            file.unlink()
    return len(old), sum(size for _, size in old)
