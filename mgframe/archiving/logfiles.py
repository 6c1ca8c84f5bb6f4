"""A table's folder as it lies: the files that its log names, and a commit that joins files.

deltalake's own compaction retries on top of whatever came first (1.6: ``max_commit_retries`` does
not reach it), so that two at once keep every row twice; and its vacuum takes the files of the
change data feed for left behind. So both are done here, by the letter of the Delta protocol: a
commit is a file of the log that must not exist before; and what any file of the log names, stays.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

from mgframe.archiving.libraries import told
from mgframe.archiving.tables import Conflict, Table

_LOG: Final = "_delta_log"


@dataclass(frozen=True)
class Named:
    """A file that a commit wrote: its path within the table, its size, the commit's version."""

    path: str
    size: int
    version: int


def folder(table: Table) -> Path:
    """Return where a table of this machine lies."""
    return Path(table.place.table(table.name))


def commit_files(table: Table) -> list[Path]:
    """Return the files of the log, a version each, in order."""
    return sorted(folder(table).glob(f"{_LOG}/{'[0-9]' * 20}.json"))


def named_files(table: Table) -> dict[str, Named]:
    """Return every file of data or changes that any version wrote, by path."""
    found: dict[str, Named] = {}
    with told(table.where, "reading"):
        for file in commit_files(table):
            for action in _actions(file):
                path = unquote(action["path"])
                found.setdefault(path, Named(path, action["size"], int(file.stem)))
    return found


def _actions(file: Path) -> Iterator[dict[str, Any]]:
    """Yield what a commit added, without the actions that name no new file."""
    for line in file.read_text(encoding="utf-8").splitlines():
        action = json.loads(line)
        added = action.get("add") or action.get("cdc")
        if added is not None:
            yield added


def lying_files(table: Table) -> Iterator[Path]:
    """Yield the files of a table's folder that are data, changes, or commits half written."""
    root = folder(table)
    for parent, _, names in os.walk(root):
        inside = Path(parent).relative_to(root).parts
        log = inside[:1] == (_LOG,)
        yield from (
            Path(parent) / name
            for name in names
            if (_is_half_written(name) if log else _is_data(name))
        )


def _is_data(name: str) -> bool:
    return name.endswith(".parquet") or ".parquet#" in name


def _is_half_written(name: str) -> bool:
    """Whether a file of the log is one that was to get its real name in the end."""
    return name.endswith(".tmp") or "#" in name


@dataclass(frozen=True)
class Joined:
    """Files of one period that become one: `new` holds all rows of `old`."""

    period: str
    old: Sequence[Named]
    new: Named
    stats: Mapping[str, Any]


def commit_joined(table: Table, joined: Sequence[Joined], metadata: Mapping[str, str]) -> None:
    """Commit files in the place of others; the same rows, so that the change feed is silent.

    Raises
    ------
    Conflict
        Another process committed first.
    """
    now = int(time.time() * 1000)
    info = {"timestamp": now, "operation": "OPTIMIZE", "operationParameters": {}, **metadata}
    lines = [{"commitInfo": info}, *(line for one in joined for line in _exchange(one, now))]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    with told(table.where, "writing"):
        _put_if_absent(folder(table) / _LOG / f"{table.version + 1:020d}.json", text, table.where)


def _exchange(joined: Joined, now: int) -> Iterator[dict[str, Any]]:
    """Yield the actions that put a file in the place of others."""
    values = {"partitionValues": {"period": joined.period}, "dataChange": False}
    gone = {"deletionTimestamp": now, "extendedFileMetadata": True, **values}
    for old in joined.old:
        yield {"remove": {"path": _url(old.path), "size": old.size, **gone}}
    new = {"path": _url(joined.new.path), "size": joined.new.size, **values}
    yield {"add": {**new, "modificationTime": now, "stats": json.dumps(joined.stats)}}


def _put_if_absent(file: Path, text: str, where: str) -> None:
    """Make a file whole or not at all, and only where there is none."""
    draft = file.with_name(f"_commit_{uuid.uuid4()}.json.tmp")
    try:
        with draft.open("x", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        os.link(draft, file)
    except FileExistsError:
        raise Conflict(f"{where}: another process committed first") from None
    finally:
        # Once the file is there the commit stands, whatever becomes of the draft.
        with contextlib.suppress(OSError):
            draft.unlink()


def _url(path: str) -> str:
    """Return a path as the log writes it; with "=" as it is, else it would be another file."""
    return quote(path, safe="/=")
