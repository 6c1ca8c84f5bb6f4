"""The two libraries that an archive stands on, loaded when they are needed; and their errors."""

from __future__ import annotations

import importlib
import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from mgframe.errors import ArchiveError, ConfigurationError

if TYPE_CHECKING:
    import duckdb

#: What writes, and what is said of it where it failed; of reading there is nothing to say.
_WRITING = {
    "writing": "; nothing was changed",
    "exporting": "; nothing was changed",
    "removing what was left behind": "",  # some of it may be gone
}
#: Signs in a library's words, and what to do then; "{first}" is its first line.
_ADVICE = (
    (
        ("No space left", "os error 28)", "Errno 28]", "os error 122)", "os error 27)"),
        "{where}: no space is left for {doing}; nothing that was kept is lost. Free some space and "
        "run it again (compact() removes what an interrupted write left behind)",
    ),
    (
        ("Permission denied", "Read-only file system", "os error 13", "os error 30"),
        "{where}: {doing} is not allowed ({first}){unchanged}. The folder must be writable for "
        "sync, and readable for everything else",
    ),
    (
        ("minimum reader version", "minimum writer version", "table features", "Unsupported:"),
        "{where} was written in a newer table format ({first}){unchanged}. "
        "pip install -U 'mgframe[archive]'",
    ),
    (
        ("Out of Memory",),
        "{where}: {doing} takes more memory than an archive allows itself ({first}){unchanged}. "
        "Ask for a shorter window, fewer keys in by=, or longer buckets",
    ),
)
_FAILED = "{where}: {doing} failed ({first}){unchanged}"
_DAMAGED = (
    "{where}: {doing} failed, a file is damaged or missing ({first}). verify() names what is "
    "damaged; take that file from a copy of the archive, or read around it with start= and end="
)
_REFUSED = (
    "{where}: the object store refused {doing} or cannot be reached ({why}){unchanged}. Check the "
    "address, and storage_options= or the environment: key, region, endpoint"
)
_REMOTE = re.compile(r"Generic \w+ error|Unknown scheme")
#: What an address may hold that opens it, and what a terminal's colours look like.
_SECRET = re.compile(r"(?i)\b(sig|signature|token|x-amz-\w+)=[^&\s]+")
_PAINT = re.compile(r"\x1b\[\d*m|↳")


def library(name: str, *, extra: str = "archive") -> ModuleType:
    """Return an optional library.

    Raises
    ------
    ConfigurationError
        It is not installed; the message names the extra.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigurationError(
            f"an archive needs {name.split('.')[0]}, which cannot be loaded ({error}); "
            f"pip install 'mgframe[{extra}]'"
        ) from None


def database(memory: str = "512MB") -> duckdb.DuckDBPyConnection:
    """Return a DuckDB of its own, whose zone is UTC whatever the machine's is."""
    connection: duckdb.DuckDBPyConnection = library("duckdb").connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET memory_limit = '{memory}'")
    # What does not fit goes to a folder that it makes and removes; by default in the current one.
    spill = Path(tempfile.gettempdir()) / f"mgframe-{secrets.token_hex(8)}"
    connection.execute("SET temp_directory = ?", [str(spill)])
    connection.execute("SET enable_progress_bar = false")
    return connection


@contextmanager
def told(where: str, doing: str) -> Iterator[None]:
    """Turn what the libraries raise into an :class:`ArchiveError` that says what to do."""
    try:
        yield
    except Exception as error:
        if not _is_theirs(error):
            raise
        said = ArchiveError(_said(where, doing, str(error)))
        if _SECRET.search(str(error)):  # a traceback shows the cause too
            raise said from None
        raise said from error


def _is_theirs(error: Exception) -> bool:
    """Whether an error is of the disk or of a library; they raise bare ones too."""
    theirs = (library("deltalake.exceptions").DeltaError, library("duckdb").Error)
    return type(error) in (Exception, RuntimeError) or isinstance(error, (OSError, *theirs))


def _said(where: str, doing: str, text: str) -> str:
    first = text.strip().split("\n")[0][:300]
    said = {"where": where, "doing": doing, "first": first, "unchanged": _WRITING.get(doing, "")}
    for signs, advice in _ADVICE:
        if any(sign in text for sign in signs):
            return advice.format(**said)
    if _REMOTE.search(text):
        return _REFUSED.format(**said, why=_why(text))
    return (_FAILED if doing in _WRITING else _DAMAGED).format(**said)


def _why(text: str) -> str:
    """Return the end of a chain of errors, which is where a store's own words are."""
    code = re.search(r"<Code>(\w+)</Code>", text)
    lines = [_PAINT.sub("", line).strip() for line in text.splitlines()]
    last = code[1] if code else [line for line in lines if line][-1]
    return _SECRET.sub(r"\1=...", last)[:300]
